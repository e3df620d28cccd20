"""One tree of settings: `cascade.yaml` in the working folder, overridden by `CASCADE_*` environment variables.

Nested keys use two underscores: `CASCADE_SERVING__PORT=9000`. Unknown keys are refused. `docs/settings.md` lists
every key; a test keeps it complete.
"""

import os
from pathlib import Path
from typing import ClassVar, Final, Literal, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from cluster.ads import Ads
from cluster.distributed import Distributed
from cluster.errors import CascadeError
from cluster.experiments import Experiment
from cluster.filters import Filters
from cluster.learning import Bandit, Online
from cluster.quotas import Quotas
from cluster.ranker_backend import RankerBackend
from cluster.rules import Rules
from cluster.section import Count, Device, Percent, Port, Section, Share
from cluster.serving import Serving

#: Longest wait for a store where no request waits, in milliseconds.
PATIENCE_MS: Final = 10_000


class Server(Section):
    """A Valkey or Redis: how the one that `cascade up` starts is run, and how long its clients wait."""

    #: Environment variable that sets the port.
    port_variable: ClassVar[str]

    port: Port
    fsync: Literal["always", "everysec"]
    timeout_ms: Count
    retry_ms: Count = Field(500, description="after a failure, how long requests skip it before it is tried again")

    def patient(self) -> Self:
        """The same for those whom no request waits for: a machine that does much at once may answer late."""
        return self.model_copy(update={"timeout_ms": max(PATIENCE_MS, self.timeout_ms)})


class Store(Server):
    """The state store: what is known of users and posts, derived from the event log."""

    port_variable = "CASCADE_STORE__PORT"

    port: Port = Field(6390, description="port of the Valkey that `cascade up` starts")
    fsync: Literal["always", "everysec"] = Field(
        "everysec",
        description="when state reaches the disk; what a crash loses is derived from the event log again",
    )
    timeout_ms: Count = Field(100, description="longest wait for one round trip before the store counts as gone")


class Events(Server):
    """The event store: what people did and what was posted, as durable streams."""

    port_variable = "CASCADE_EVENTS__PORT"

    port: Port = Field(6391, description="port of the Valkey that `cascade up` starts")
    fsync: Literal["always", "everysec"] = Field(
        "always",
        description="when an appended event reaches the disk; `everysec` may lose one second in a crash",
    )
    timeout_ms: Count = Field(1000, description="longest wait for an append, disk included")
    max_lag: Count = Field(100_000, description="events a consumer may be behind before new ones are refused with 429")
    retention_s: Count = Field(86_400, description="how long events stay at least, read by all consumers or not")
    hook: str | None = Field(
        None, description="`module:Class` whose `apply` is called with all that happens, as for online learning"
    )


class ArchiveFiles(Section):
    """The archive of the event log."""

    flush_s: float = Field(10.0, description="longest wait for more events before a file is written, in seconds", gt=0)
    flush_events: Count = Field(50_000, description="events at which a file is written at once")


class Catalogue(Section):
    """Posts that come, change and go while feeds are served."""

    encoder: str = Field(
        "cluster.content_encoder:HashedEncoder",
        description="`module:Class` that embeds captions and tags of posts that bring no embedding",
    )
    fresh_limit: Count = Field(4096, description="new posts searched exactly before the index is built anew")
    removed_limit: Count = Field(4096, description="posts the index must skip before it is built anew")
    index_device: Device = Field("cpu", description="where nearest posts are searched; `cuda` is an NVIDIA GPU")


class Training(Section):
    """How models are trained."""

    recipe: str = Field(
        "default",
        description="how models are trained: a name of `training/recipes/`, or a file that `cascade tune` wrote",
    )


class Promotion(Section):
    """What a release must do to become live."""

    latency_ms: float = Field(10.0, description="gate: CPU time that a feed may take, median, in milliseconds", gt=0)
    calibration: float = Field(
        0.25, description="gate: share by which a head may promise too much or too little, beyond noise", gt=0
    )
    coverage: Share = Field(0.02, description="gate: share of rows for which a feature may lose its data")
    shadow_percent: Percent = Field(10.0, description="share of requests that a release in the shadow answers too")


class Explain(Section):
    """What is kept of requests, to explain them later."""

    keep_s: Count = Field(3600, description="how long a request can be asked about by its id")
    memory_mb: float = Field(
        512.0,
        description="state store that each feed server may use for that; beyond it a share of the requests is kept",
        ge=0,
    )


class RayCluster(Section):
    """The local Ray that `cascade up` starts, and `cascade train` where nothing is up; `RAY_ADDRESS` names another."""

    num_cpus: Count | None = Field(None, description="logical CPUs; default: twice the cores, at least 4")
    object_store_mb: Count = Field(512, description="shared memory of Ray's object store")

    @property
    def cpus(self) -> int:
        return self.num_cpus or max(4, 2 * (os.cpu_count() or 1))


class Settings(BaseSettings):
    """All settings. `home` holds everything that Cascade writes."""

    model_config = SettingsConfigDict(
        env_prefix="CASCADE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        yaml_file="cascade.yaml",
    )

    home: Path = Field(Path("var"), description="folder for data, releases, the stores and logs")
    data: Path | None = Field(None, description="folder of source data: KuaiRand's files or Cascade's tables")
    store_url: str | None = Field(None, description="URL of an existing Valkey or Redis; default: start one")
    events_url: str | None = Field(
        None, description="URL of an existing one for events; default: that of `store_url`, else start one"
    )
    store: Store = Store()
    events: Events = Events()
    archive: ArchiveFiles = ArchiveFiles()
    serving: Serving = Serving()
    distributed: Distributed = Distributed()
    ranker: RankerBackend = RankerBackend()
    quotas: Quotas = Quotas()
    filters: Filters = Filters()
    rules: Rules = Rules()
    experiments: list[Experiment] = Field(
        [], description="users dealt to arms, for which `rules.weights_for` may differ", validate_default=True
    )
    ads: Ads = Ads()
    catalogue: Catalogue = Catalogue()
    training: Training = Training()
    promotion: Promotion = Promotion()
    online: Online = Online()
    bandit: Bandit = Bandit()
    explain: Explain = Explain()
    ray: RayCluster = RayCluster()

    @field_validator("serving")
    @classmethod
    def _ports_differ(cls, serving: Serving, others: ValidationInfo) -> Serving:
        known = others.data
        urls = {"store": known.get("store_url"), "events": known.get("events_url") or known.get("store_url")}
        started = [name for name, url in urls.items() if url is None and name in known]
        taken = {f"{name}.port": known[name].port for name in started}
        for name, port in (("port", serving.port), ("grpc_port", serving.grpc)):
            clashes = [other for other, its in taken.items() if its == port]
            if clashes:
                raise ValueError(f"{name} is {port}, which is that of {clashes[0]} too")
            taken[f"serving.{name}"] = port
        return serving

    @field_validator("ranker")
    @classmethod
    def _ranks_in_one_place(cls, ranker: RankerBackend, others: ValidationInfo) -> RankerBackend:
        if ranker.triton_url and "serving" in others.data and others.data["serving"].topology != "fused":
            raise ValueError("triton_url is for serving.topology fused: the other one has rankers of its own")
        return ranker

    @field_validator("bandit")
    @classmethod
    def _slots_differ(cls, bandit: Bandit, others: ValidationInfo) -> Bandit:
        if bandit.enabled and "ads" in others.data and bandit.slot in others.data["ads"].slots:
            raise ValueError(f"slot is {bandit.slot}, which `ads.slots` has too: {others.data['ads'].slots}")
        return bandit

    @field_validator("experiments")
    @classmethod
    def _arms_exist(cls, experiments: list[Experiment], others: ValidationInfo) -> list[Experiment]:
        names = [experiment.name for experiment in experiments]
        if len(set(names)) < len(names):
            raise ValueError(f"names must differ, but are {names}")
        there = {f"{experiment.name}/{arm}" for experiment in experiments for arm in experiment.arms}
        rows = others.data["rules"].weights_for if "rules" in others.data else []
        unknown = [
            f"rules.weights_for[{r}].arms: {arm}" for r, row in enumerate(rows) for arm in row.arms if arm not in there
        ]
        if unknown:
            raise ValueError(f"there is no {', no '.join(unknown)}; there are {sorted(there)}")
        return experiments

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls)

    @property
    def datasets(self) -> Path:
        return self.home / "data"

    @property
    def work(self) -> Path:
        return self.home / "work"

    @property
    def releases(self) -> Path:
        return self.home / "releases"

    @property
    def store_folder(self) -> Path:
        return self.home / "store"

    @property
    def events_folder(self) -> Path:
        return self.home / "events"

    @property
    def archive_folder(self) -> Path:
        return self.home / "archive"

    @property
    def cursor_key(self) -> Path:
        return self.home / "cursor.key"

    @property
    def run_file(self) -> Path:
        return self.home / "run" / "cascade.json"


def load_settings() -> Settings:
    """The settings in force. Raises CascadeError naming every value that is not allowed."""
    try:
        return Settings()
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))} has value {e['input']!r}: {e['msg']}" for e in error.errors()]
        raise CascadeError("settings: " + "; ".join(faults), "see docs/settings.md, cascade.yaml, CASCADE_*") from None
