"""Settings of what computes the ranker's predictions."""

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from cluster.section import Device, Section

Precision = Literal["fp32", "bf16", "int8"]


class RankerBackend(Section):
    """Where the ranker is computed, and how exactly."""

    device: Device = Field("cpu", description="where it is computed; `cuda` is an NVIDIA GPU")
    precision: Precision = Field(
        "fp32",
        description="of the large layer; `bf16` and `int8` are less exact and may be faster, `int8` on CPUs only, "
        "`bf16` on CPUs with AVX-512",
    )
    triton_url: str | None = Field(
        None, description="host and gRPC port of a Triton server that has `cascade release triton` of the release"
    )
    max_error: float = Field(
        0.005,
        description="largest error of a prediction, relative where it is above 1, for which a release is not refused",
        gt=0,
    )

    @model_validator(mode="after")
    def _is_there(self) -> Self:
        if self.device == "cuda" and self.precision == "int8":
            raise ValueError("precision int8 is there for device cpu only")
        if self.triton_url is not None and (self.device, self.precision) != ("cpu", "fp32"):
            raise ValueError("device and precision are not for a ranker that triton_url has elsewhere")
        return self

    @property
    def told(self) -> str:
        """For people."""
        return f"by Triton at {self.triton_url}" if self.triton_url else f"in {self.precision} on {self.device}"


#: In NumPy, as exact as the network was trained.
DEFAULT: Final = RankerBackend()
