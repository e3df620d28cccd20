import json
import re

from fastapi import FastAPI

from deployments.http.openapi import install_openapi
from deployments.http.routes import Routes


def document() -> dict:
    app = FastAPI()
    install_openapi(app)
    return app.openapi()


def test_every_reference_leads_somewhere():
    described = document()
    names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    assert names
    assert names <= set(described["components"]["schemas"])


def test_the_routes_are_described_as_they_are():
    described = {
        (method.upper(), path)
        for path, operations in document()["paths"].items()
        for method in operations.keys() - {"parameters"}
    }
    assert described == {(method, path) for method, path, _ in Routes(api=None, max_body_bytes=1).routes}


def test_parameters_are_those_of_the_path():
    for path, operations in document()["paths"].items():
        named = [parameter["name"] for parameter in operations.get("parameters", [])]
        assert named == re.findall(r"{(\w+)}", path)
