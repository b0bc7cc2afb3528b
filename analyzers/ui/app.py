"""The server of the pages: one thin route a page, and what every answer has in common."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from elasticsearch import ApiError, TransportError
from flask import Flask, Response, request
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from driftline.ingest.client import explain

from ..alerts.people import UnknownError
from ..reading.search import SORTS
from ..report import gather, page
from ..report.scripts import NONE, Scripts
from . import asked, fleet, guard, model, prediction, predictions

if TYPE_CHECKING:
    from ..cluster import Cluster

TEMPLATES = Path(__file__).with_name("templates")
PAGES = (("Fleet", "/"), ("Predictions", "/predictions"))
FOR_EVER = "public, max-age=31536000, immutable"
"""Of what has a digest in its name: another text has another name."""


@dataclass(frozen=True, slots=True)
class Pages:
    """What the routes answer with.

    Attributes:
        cluster: Where everything is read.
        library: The script that draws the charts of incidents.
        clock: Tells the time.
    """

    cluster: Cluster
    library: str
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @property
    def script(self) -> str:
        """The address that the library is served at."""
        return _address_of_script(self.library)

    def fleet(self) -> Response:
        """Which model is in trouble."""
        days = asked.one_of(request.args, "days", fleet.DAYS, "90")
        found = fleet.read(self.cluster, fleet.DAYS[days])
        return self._page("fleet.html.j2", found=found, periods=list(fleet.DAYS))

    def model(self) -> Response:
        """One model."""
        name = asked.text(request.args, "name")
        choice = model.choice(self.cluster.search(self.cluster.streams.metrics, model.choices(name)))
        if choice is None:
            return self._unknown(f"There is no model {name!r} in namespace {self.cluster.streams.namespace!r}.")
        return self._page(
            "model.html.j2", found=model.read(self.cluster, choice, model.ask(name, choice, request.args))
        )

    def incident(self, identity: str) -> Response:
        """One incident: the page that `driftline report` writes."""
        try:
            found = gather.incident(self.cluster, identity, self.clock())
        except UnknownError as error:
            return self._unknown(str(error))
        of_model = f"Model {found.model}", address_of_model(found.model)
        text = page.html(found, Scripts(addresses=(self.script,)), (*PAGES, of_model))
        return _html(text, guard.DRAWN)

    def predictions(self) -> Response:
        """Search predictions."""
        found = predictions.read(self.cluster, request.args)
        status = HTTPStatus.BAD_REQUEST if found.errors else HTTPStatus.OK
        return self._page("predictions.html.j2", status, found=found, sorts=list(SORTS))

    def prediction(self) -> Response:
        """One prediction."""
        identity = asked.text(request.args, "id")
        found = prediction.read(self.cluster, identity)
        if found is None:
            return self._unknown(f"There is no prediction {identity!r} in {self.cluster.streams.predictions}.")
        return self._page("prediction.html.j2", found=found)

    def charts(self, digest: str) -> Response:
        """The script that draws charts."""
        if request.path != self.script:
            return self._unknown(f"There is no script {digest!r}.")
        answer = Response(self.library, mimetype="text/javascript")
        answer.headers["Cache-Control"] = FOR_EVER
        return answer

    def stranger(self, names: Collection[str]) -> Response | None:
        """Refuse a request that asks for another server; None for one that is ours."""
        if guard.is_ours(request.environ.get("HTTP_HOST", ""), names):
            return None
        text = "This server is not the one that the address names. It answers to its own address and to localhost."
        return self._said(HTTPStatus.BAD_REQUEST, "Not this server", text)

    def refused(self, error: asked.AskedError) -> Response:
        """A parameter that cannot be read."""
        return self._said(HTTPStatus.BAD_REQUEST, "This cannot be asked", f"{error.field}: {error}")

    def away(self, error: ApiError | TransportError) -> Response:
        """Elasticsearch does not answer, or refuses."""
        text = f"{explain(error, self.cluster.url)}."
        answer = self._said(HTTPStatus.SERVICE_UNAVAILABLE, "Elasticsearch does not answer", text, again=True)
        answer.headers["Retry-After"] = "5"
        return answer

    def failed(self, error: HTTPException) -> Response:
        """What Flask itself refuses, such as an address that there is none of."""
        status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
        answer = self._said(status, status.phrase, status.description or "")
        if allowed := getattr(error, "valid_methods", None):
            answer.headers["Allow"] = ", ".join(sorted(allowed))
        return answer

    def _unknown(self, text: str) -> Response:
        return self._said(HTTPStatus.NOT_FOUND, "Not found", text)

    def _said(self, status: HTTPStatus, title: str, text: str, *, again: bool = False) -> Response:
        address = request.full_path if again else None
        return self._page("said.html.j2", status, heading=title, text=text, again=address)

    def _page(self, template: str, status: HTTPStatus = HTTPStatus.OK, **view: Any) -> Response:
        sheet = style()
        text = (
            page.environment(TEMPLATES)
            .get_template(template)
            .render(
                **view,
                scripts=NONE,
                navigation=PAGES,
                style=Markup(sheet),  # noqa: S704 (files of our own)
                namespace_of=self.cluster.streams.namespace,
                of_model=address_of_model,
                of_prediction=address_of_prediction,
                of_predictions=address_of_predictions,
                written=asked.written,
            )
        )
        # As it stands in `base.html.j2`, on lines of its own.
        return _html(text, guard.still(f"\n{sheet}\n"), status)


@cache
def style() -> str:
    """The style sheet of these pages."""
    return page.style() + (TEMPLATES / "pages.css").read_text(encoding="utf-8")


@cache
def _address_of_script(library: str) -> str:
    return f"/assets/charts-{hashlib.sha256(library.encode()).hexdigest()[:16]}.js"


def address_of_model(name: str, **others: str) -> str:
    """Where a model's page is."""
    return "/model?" + urlencode({"name": name} | others)


def address_of_prediction(identity: str) -> str:
    """Where a prediction's page is."""
    return "/prediction?" + urlencode({"id": identity})


def address_of_predictions(query: str, since: datetime | None, until: datetime | None) -> str:
    """Where the predictions that match a query are."""
    period = {"since": asked.written(since), "until": asked.written(until)}
    return "/predictions?" + urlencode({"q": query} | {name: text for name, text in period.items() if text})


def _html(text: str, policy: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    answer = Response(text, status, mimetype="text/html")
    # What is in it may be personal, and is out of date soon.
    answer.headers |= {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    return answer


def create(pages: Pages, names: Collection[str] = (guard.LOOPBACK_NAME,)) -> Flask:
    """The application.

    Args:
        pages: What the routes answer with.
        names: Names under which the server is known, in lower case, besides addresses.
    """
    app = Flask(__name__, static_folder=None)
    routes: dict[str, Callable[..., Response]] = {
        "/": pages.fleet,
        "/model": pages.model,
        "/incident/<identity>": pages.incident,
        "/predictions": pages.predictions,
        "/prediction": pages.prediction,
        "/assets/charts-<digest>.js": pages.charts,
    }
    for rule, answer in routes.items():
        app.add_url_rule(rule, rule, answer, methods=["GET"], provide_automatic_options=False)
    app.before_request(lambda: pages.stranger(names))
    app.register_error_handler(asked.AskedError, pages.refused)
    app.register_error_handler(ApiError, pages.away)
    app.register_error_handler(TransportError, pages.away)
    app.register_error_handler(HTTPException, pages.failed)
    app.after_request(_common)
    return app


def _common(answer: Response) -> Response:
    for name, value in guard.COMMON.items():
        answer.headers.setdefault(name, value)
    return answer
