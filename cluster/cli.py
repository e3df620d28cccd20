"""The `cascade` command. Groups are named by import path, so `--help` loads none of them."""

import sys
from importlib.metadata import version

from cyclopts import App

from cluster.errors import CascadeError
from cluster.ray_environment import set_ray_environment

app = App(
    name="cascade",
    help="A complete, fast feed server on Ray.",
    version=lambda: version("cascade-feed"),
)
app.command("deployments.cli:up", name="up", help="Bring everything up: data, models, release, store, Ray, serving.")
app.command("deployments.cli:down", name="down", help="Stop what `up` started.")
app.command("deployments.cli:status", name="status", help="Tell what runs: release, replicas, store, logs.")
app.command("training.data.cli:app", name="data", help="Import, synthesise and describe data sets.")
app.command("training.cli:app", name="train", help="Train the models of a release.")
app.command("training.tune.cli:app", name="tune", help="Search for how a model is trained best.")
app.command("training.evaluation.cli:app", name="evaluate", help="Measure models and feeds on held-out days.")
app.command("deployments.promotion.cli:app", name="release", help="Build, promote, roll back and list releases.")
app.command("benchmarks.cli:app", name="bench", help="Measure serving, events and kernels.")
app.command("benchmarks.planning.cli:plan", name="plan", help="What a deployment needs, by measured costs.")


def main() -> None:
    """Run the command line; print a `CascadeError` as one message with its remedy."""
    set_ray_environment()
    try:
        app()
    except CascadeError as error:
        sys.stderr.write(f"error: {error}\n")
        if error.remedy:
            sys.stderr.write(f"  -> {error.remedy}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
