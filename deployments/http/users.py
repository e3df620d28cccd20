"""/v1/users: profiles, relations, what is stored of a user, and forgetting them."""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cluster.errors import InvalidField
from cluster.store.breaker import StoreUnavailable
from cluster.users import ProfileChange
from cluster.wire import decode, error_body
from deployments.http.answers import bad_request, json_answer, overloaded, unavailable
from deployments.http.body import read_body
from deployments.http.path_ids import path_id
from deployments.http.pressure import Pressure
from deployments.user_service import NotStored, Unreadable, UserService

Handler = Callable[[Request], Awaitable[Response]]

_PROFILE = msgspec.json.Decoder(ProfileChange)


class UsersRoutes:
    """The handlers. Changes that are answered with 200 are on disk."""

    def __init__(self, users: UserService, pressure: Pressure, max_body_bytes: int) -> None:
        self._users = users
        self._pressure = pressure
        self._max_body_bytes = max_body_bytes

    @property
    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each."""
        user = "/v1/users/{user_id}"
        relation = user + "/relations/{kind}/{author_id}"
        # An erasure is always taken, however far consumers are behind.
        return [
            ("PUT", user, _answering_errors(self._unless_behind(self.set_profile))),
            ("DELETE", user, _answering_errors(self.erase)),
            ("GET", user + "/state", _answering_errors(self.state)),
            ("GET", user + "/relations", _answering_errors(self.relations)),
            ("PUT", relation, _answering_errors(self._unless_behind(self.relate))),
            ("DELETE", relation, _answering_errors(self._unless_behind(self.unrelate))),
        ]

    async def set_profile(self, request: Request) -> Response:
        """PUT /v1/users/{user_id}."""
        user_id = path_id(request, "user_id")
        change = decode(_PROFILE, await read_body(request, self._max_body_bytes))
        return _answer(await self._users.set_profile(user_id, change))

    async def erase(self, request: Request) -> Response:
        """DELETE /v1/users/{user_id}: 202 as long as it is not applied."""
        erased = await self._users.erase(path_id(request, "user_id"))
        return _answer(erased, 200 if erased.erased else 202)

    async def state(self, request: Request) -> Response:
        """GET /v1/users/{user_id}/state."""
        return _answer(await self._users.export(path_id(request, "user_id")))

    async def relations(self, request: Request) -> Response:
        """GET /v1/users/{user_id}/relations."""
        return _answer(await self._users.relations(path_id(request, "user_id")))

    async def relate(self, request: Request) -> Response:
        """PUT /v1/users/{user_id}/relations/{kind}/{author_id}."""
        return _answer(await self._users.relate(*_relation(request)))

    async def unrelate(self, request: Request) -> Response:
        """DELETE /v1/users/{user_id}/relations/{kind}/{author_id}."""
        return _answer(await self._users.unrelate(*_relation(request)))

    def _unless_behind(self, handler: Handler) -> Handler:
        async def handling(request: Request) -> Response:
            reason = self._pressure.reason
            return overloaded(f"{reason}; send the same again") if reason else await handler(request)

        return handling


def _answering_errors(handler: Handler) -> Handler:
    """`handler`, whose errors become answers."""

    async def answering(request: Request) -> Response:
        try:
            return await handler(request)
        except NotStored as error:
            return json_answer(error_body(error), 404)
        except Unreadable as error:
            return json_answer(error_body(error), 409)
        except InvalidField as error:
            return bad_request(error)
        except StoreUnavailable as error:
            return unavailable(error)

    return answering


def _relation(request: Request) -> tuple[int, str, int]:
    return path_id(request, "user_id"), request.path_params["kind"], path_id(request, "author_id")


def _answer(content: msgspec.Struct, status: int = 200) -> Response:
    return json_answer(msgspec.json.encode(content), status)
