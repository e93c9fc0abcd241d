from typing import Annotated, Any

import pytest

from mcp_server import Header, MCPServer
from mcp_server.features.headers import param_headers
from mcp_server.features.unusable import Unusable
from operators.param_headers import ParamHeader
from tests.mcp_server.asking import ask
from tests.serving import serving, stateless

MARKED = {"type": "string", "x-mcp-header": "Region"}


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


async def test_a_parameter_that_is_marked_is_shown_so() -> None:
    server = MCPServer("marked")

    @server.tool
    async def query(
        text: str, region: Annotated[str, Header("Region")], most: Annotated[int, Header("Most")] = 3
    ) -> str:
        return text

    (tool,) = (await ask(server, "tools/list"))["tools"]
    assert tool["inputSchema"]["properties"]["region"] == MARKED
    assert server.catalogue().headers() == (
        ParamHeader("query", "region", ("region",)),
        ParamHeader("query", "most", ("most",)),
    )


def test_properties_lead_to_a_mark() -> None:
    assert param_headers("t", of(a=of(b=MARKED))) == (ParamHeader("t", "region", ("a", "b")),)
    assert param_headers("t", of(**{"x-mcp-header": {"type": "string"}})) == ()


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (of(a={**MARKED, "x-mcp-header": ""}), "a header's name"),
        (of(a={**MARKED, "x-mcp-header": "two words"}), "a header's name"),
        (of(a={**MARKED, "x-mcp-header": 7}), "a header's name"),
        (of(a={"type": "number", "x-mcp-header": "A"}), "only a string, an integer or a boolean"),
        (of(a={"x-mcp-header": "A"}), "only a string, an integer or a boolean"),
        (of(a=MARKED, b={**MARKED, "x-mcp-header": "REGION"}), "two properties have the header 'region'"),
        (of(a={"type": "array", "items": MARKED}), "at properties only"),
        ({**of(), "anyOf": [of(a=MARKED)]}, "at properties only"),
        ({**of(), "$defs": {"a": MARKED}}, "at properties only"),
    ],
)
def test_a_mark_that_clients_would_not_follow_is_refused(schema: dict[str, Any], told: str) -> None:
    with pytest.raises(Unusable, match=told):
        param_headers("t", schema)


async def test_a_header_is_compared_over_http_also_of_a_tool_that_came_later() -> None:
    async with serving() as served:

        @served.tools.server.tool
        async def query(region: Annotated[str, Header("Region")]) -> str:
            return region

        await served.modern(0, "tools/list")
        body, headers = stateless(1, "tools/call", {"name": "query", "arguments": {"region": "Hello"}})
        headers["MCP-PARAM-Region"] = "=?base64?SGVsbG8=?="
        good = await served.post(body, headers)
        assert (good.status, good.body["result"]["content"][0]["text"]) == (200, "Hello")
        bad = await served.post(body, {**headers, "MCP-PARAM-Region": "hello"})
        assert (bad.status, bad.code) == (400, -32020)
