"""What all sections of the settings share."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
#: What may be left of something: never nothing.
Rest = Annotated[float, Field(gt=0, le=1)]
Percent = Annotated[float, Field(gt=0, le=100)]
Count = Annotated[int, Field(ge=1)]
LAST_PORT: Final = 65535
Port = Annotated[int, Field(ge=1, le=LAST_PORT)]
Device = Literal["cpu", "cuda"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
