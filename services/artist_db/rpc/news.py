"""What people are to be told."""

from aiartist.artist_db.v1 import life_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.artist_db.rpc.room import Context, Room
from services.artist_db.store import news as store

MOST_AT_ONCE = 500
USUAL = 50


class NewsRpcs(Room):
    """ListNews and AcknowledgeNews."""

    async def ListNews(self, request: pb.ListNewsRequest, context: Context) -> pb.ListNewsResponse:
        checks = Checks()
        checks.number("page_size", request.page_size, least=0, most=MOST_AT_ONCE)
        checks.finish()
        async with self._db.acquire() as connection:
            rows = await store.oldest(connection, request.page_size or USUAL)
        return pb.ListNewsResponse(news=map(_news_of, rows))

    async def AcknowledgeNews(
        self, request: pb.AcknowledgeNewsRequest, context: Context
    ) -> pb.AcknowledgeNewsResponse:
        checks = Checks()
        checks.count("ids", request.ids, least=1, most=MOST_AT_ONCE)
        checks.finish()
        async with self._db.transaction() as connection:
            gone = await store.forget(connection, list(request.ids))
        return pb.AcknowledgeNewsResponse(acknowledged=gone)


def _news_of(row: store.Row) -> pb.News:
    news = pb.News(
        id=row["id"],
        topic=pb.News.Topic.Value(f"TOPIC_{row['topic']}"),
        warning=row["warning"],
        title=row["title"],
        body=row["body"],
        artist_id=row["artist_id"],
        run_id=row["run_id"],
        subject_id=row["subject_id"],
    )
    news.created_at.FromDatetime(row["created_at"])
    return news
