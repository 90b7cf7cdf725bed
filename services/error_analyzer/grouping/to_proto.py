"""Groups as artist_db takes them."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from services.error_analyzer.grouping.events import Occurrences, Sample, culprit_of


def occurrences_to_proto(occurrences: Occurrences) -> pb.ErrorOccurrences:
    """The occurrences of one group, with all that RecordErrors knows of them."""
    group = occurrences.group
    proto = pb.ErrorOccurrences(
        fingerprint=group.fingerprint,
        title=group.title,
        culprit=culprit_of(occurrences),
        count=occurrences.count,
        samples=[_sample(sample) for sample in occurrences.samples],
        hours=[
            pb.ErrorHour(hour=_stamp(hour.begins), service=hour.service, count=hour.count)
            for hour in occurrences.hours
        ],
        code_versions=occurrences.code_versions,
        exception_type=group.exception_type,
        template=group.template,
        absorbs=group.absorbs,
    )
    if occurrences.code_as_of is not None:
        proto.code_as_of.FromDatetime(occurrences.code_as_of)
    return proto


def _sample(sample: Sample) -> pb.ErrorSample:
    proto = pb.ErrorSample(
        service=sample.service,
        message=sample.message,
        text=sample.text,
        context=sample.context,
        code_version=sample.code_version,
        error_id=sample.error_id,
    )
    if sample.time is not None:
        proto.time.FromDatetime(sample.time)
    return proto


def _stamp(time: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp
