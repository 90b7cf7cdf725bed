"""What the arms of a brief's run say to those who make its music and its cover."""

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import experiment_pb2


def provider_of(brief: db.StoredBrief) -> str:
    """The music provider that is to be tried first; empty: none."""
    return _value(brief, experiment_pb2.ARM_KIND_PROVIDER)


def cover_style_of(brief: db.StoredBrief) -> str:
    """The motif that the cover is to be drawn with; empty: the artist's own."""
    return _value(brief, experiment_pb2.ARM_KIND_COVER_STYLE)


def follows(arm: experiment_pb2.AssignedArm, take: db.StoredTake) -> bool:
    """Whether a run does as its arm wants: by its brief, and of music and cover by its take."""
    if arm.kind == experiment_pb2.ARM_KIND_PROVIDER:
        return take.provider == arm.value
    if arm.kind == experiment_pb2.ARM_KIND_COVER_STYLE:
        return take.cover_style == arm.value
    return arm.followed


def _value(brief: db.StoredBrief, kind: experiment_pb2.ArmKind.ValueType) -> str:
    return next((arm.value for arm in brief.arms if arm.kind == kind), "")
