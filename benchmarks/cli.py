"""The `cascade bench` command. Benchmarks are named by import path, so that `--help` loads none of them."""

from cyclopts import App

app = App(name="bench", help="Measure serving, events, training and kernels.")
app.command(
    "benchmarks.serve:serve",
    name="serve",
    help="Open-loop load on POST /v1/feed: goodput, latency, efficiency.",
)
app.command(
    "benchmarks.overload:overload",
    name="overload",
    help="Three times the goodput for a minute: deadlines kept, refusals, recovery.",
)
app.command(
    "benchmarks.compare:compare",
    name="compare",
    help="Cascade beside other servers of the same pipeline: goodput, latency, CPU, memory.",
)
app.command(
    "benchmarks.events:events",
    name="events",
    help="Open-loop load on POST /v1/events: sustained rate, acknowledgement, time to effect.",
)
app.command(
    "benchmarks.soak:soak",
    name="soak",
    help="Feeds and events for a long time: growth of memory, errors, latency.",
)
app.command(
    "benchmarks.search:search",
    name="search",
    help="Feeds while a search for a model runs on the same Ray, and without it before and after.",
)
app.command("benchmarks.train:train", name="train", help="Ray Train against a plain PyTorch loop, on the ranker.")
app.command("benchmarks.kernels:kernels", name="kernels", help="Each kernel against its NumPy twin and a ceiling.")
app.command("benchmarks.ranker:ranker", name="ranker", help="The ranker in each precision: time, and error.")
app.command(
    "benchmarks.retrieval:retrieval",
    name="retrieval",
    help="Recall against speed of kinds of indexes, by the size of the catalogue.",
)
app.command(
    "benchmarks.scale:scale",
    name="scale",
    help="What feeds cost by posts, candidates and feed servers.",
)
app.command(
    "benchmarks.footprint:footprint",
    name="footprint",
    help="Memory and disk of users, posts and events, and searches by the size of the catalogue.",
)
app.command("benchmarks.reporting.command:report", name="report", help="All dated reports as one HTML page.")
