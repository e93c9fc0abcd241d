"""What the official conformance suite asks a server for, written with the public interface alone."""

import asyncio
import struct
import zlib
from typing import Annotated, Any, Final

from mcp_server import (
    Audio,
    CallRefused,
    Contents,
    Context,
    Embedded,
    Form,
    Header,
    Image,
    MCPServer,
    PromptMessage,
    Roots,
    Sample,
    Text,
    ToolError,
)

server = MCPServer("conformance", version="1.0.0", instructions="Asks and answers what the suite wants to see.")

PAUSE: Final = 0.05
"""Seconds between two reports."""

NAME: Final = Form("What is your name?", {"name": str})


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png() -> bytes:
    """One red pixel (PNG, ISO/IEC 15948)."""
    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\x00\xff\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", pixel) + _chunk(b"IEND", b"")


def _wav() -> bytes:
    """Eight samples of silence (RIFF WAVE, 8 kHz, mono, 8 bits)."""
    samples = b"\x80" * 8
    form = struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


PNG: Final = _png()


# What both revisions ask for. The first tool of the list is called without arguments.


@server.tool(read_only=True)
async def test_simple_text() -> str:
    """Return a text."""
    return "This is a simple text response for testing."


@server.tool(read_only=True)
async def test_image_content() -> Image:
    """Return an image."""
    return Image(PNG, "image/png")


@server.tool(read_only=True)
async def test_audio_content() -> Audio:
    """Return a sound."""
    return Audio(_wav(), "audio/wav")


@server.tool(read_only=True)
async def test_embedded_resource() -> Embedded:
    """Return a resource within the result."""
    return Embedded(
        Contents("test://embedded-resource", text="This is an embedded resource content.", mime_type="text/plain")
    )


@server.tool(read_only=True)
async def test_multiple_content_types() -> list[Text | Image | Embedded]:
    """Return a text, an image and a resource."""
    resource = Contents(
        "test://mixed-content-resource", text='{"test":"data","value":123}', mime_type="application/json"
    )
    return [Text("Multiple content types test:"), Image(PNG, "image/png"), Embedded(resource)]


@server.tool
async def test_error_handling() -> str:
    """Fail."""
    raise ToolError("This tool intentionally returns an error for testing")


@server.tool
async def test_tool_with_progress(ctx: Context) -> str:
    """Report progress three times."""
    for done in (0, 50, 100):
        await ctx.progress(done, 100, f"Completed step {done} of 100")
        await asyncio.sleep(PAUSE)
    return "Tool with progress executed successfully"


@server.tool(
    read_only=True,
    input_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            }
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": False,
    },
)
async def json_schema_2020_12_tool(**arguments: Any) -> str:
    """Take what a schema with many keywords lets through."""
    return f"got {', '.join(sorted(arguments))}"


# The 2025-11-25 wire.


@server.tool
async def test_tool_with_logging(ctx: Context) -> str:
    """Log three times."""
    for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.info(words)
        await asyncio.sleep(PAUSE)
    return "Tool with logging executed successfully"


@server.tool
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Have the client's model continue a prompt."""
    answer = await ctx.ask(Sample(prompt, max_tokens=100))
    return f"LLM response: {answer.text}"


@server.tool
async def test_elicitation(message: str, ctx: Context) -> str:
    """Ask the user for a name and an address."""
    answer = await ctx.ask(Form(message, {"username": str, "email": str}))
    return f"User response: action={answer.action}, content={answer.content}"


@server.tool
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Ask for values of which each has a default."""
    fields = {
        "name": {"type": "string", "description": "User name", "default": "John Doe"},
        "age": {"type": "integer", "description": "User age", "default": 30},
        "score": {"type": "number", "description": "User score", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "description": "Verification status", "default": True},
    }
    answer = await ctx.ask(Form("Please review the defaults", {"type": "object", "properties": fields}))
    return f"Elicitation completed: action={answer.action}, content={answer.content}"


def _titled(prefix: str) -> list[dict[str, str]]:
    return [{"const": f"{prefix}{number}", "title": f"Choice {number}"} for number in (1, 2, 3)]


@server.tool
async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Ask for choices of every form."""
    options = ["option1", "option2", "option3"]
    fields: dict[str, Any] = {
        "untitledSingle": {"type": "string", "enum": options},
        "titledSingle": {"type": "string", "oneOf": _titled("value")},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["One", "Two", "Three"]},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
        "titledMulti": {"type": "array", "items": {"anyOf": _titled("value")}},
    }
    answer = await ctx.ask(Form("Please choose", {"type": "object", "properties": fields}))
    return f"Elicitation completed: action={answer.action}, content={answer.content}"


@server.tool
async def test_reconnection(ctx: Context) -> str:
    """End the stream before the result is there; the client fetches it on another."""
    await ctx.close_stream(retry=0.2)
    await asyncio.sleep(2 * PAUSE)
    return "Reconnection test completed successfully"


# The 2026-07-28 wire.


@server.tool
async def test_missing_capability(ctx: Context) -> str:
    """Need a model of the client's."""
    answer = await ctx.ask(Sample("Say something", max_tokens=10))
    return f"The model said: {answer.text}"


@server.tool
async def test_streaming_elicitation(ctx: Context) -> str:
    """Ask the user something."""
    answer = await ctx.ask(NAME)
    return f"Hello, {answer.content['name']}!"


@server.tool
async def test_logging_tool(ctx: Context) -> str:
    """Log something, for clients that asked for it."""
    await ctx.info("This is a log message")
    return "Logged"


@server.tool
async def test_trigger_tool_change() -> str:
    """Add a tool and take it away again."""

    @server.tool(name="temporary_tool")
    async def temporary() -> str:
        """Not there for long."""
        return ""

    server.remove_tool("temporary_tool")
    return "The list of tools has changed"


@server.tool
async def test_trigger_prompt_change() -> str:
    """Add a prompt and take it away again."""

    @server.prompt(name="temporary_prompt")
    async def temporary() -> str:
        """Not there for long."""
        return ""

    server.remove_prompt("temporary_prompt")
    return "The list of prompts has changed"


@server.tool(read_only=True)
async def test_x_mcp_header(region: Annotated[str, Header("Region")] = "") -> str:
    """Repeat an argument that a header repeats, too."""
    return f"Region: {region}"


@server.tool
async def test_input_required_result_elicitation(ctx: Context) -> str:
    """Ask for a name, and greet."""
    answer = (await ctx.ask(user_name=NAME))["user_name"]
    return f"Hello, {answer.content.get('name', 'nobody')}!"


@server.tool
async def test_input_required_result_sampling(ctx: Context) -> str:
    """Ask the client's model."""
    answer = await ctx.ask(Sample("What is the capital of France?", max_tokens=100))
    return f"The model said: {answer.text}"


@server.tool
async def test_input_required_result_list_roots(ctx: Context) -> str:
    """Ask for the client's roots."""
    roots = await ctx.ask(Roots())
    return f"The roots are: {', '.join(root.uri for root in roots)}"


@server.tool
async def test_input_required_result_request_state(ctx: Context) -> str:
    """Ask for a confirmation, with a state that comes back."""
    answer = (await ctx.ask(confirm=Form("Please confirm", {"ok": bool})))["confirm"]
    return f"state-ok: {answer.content.get('ok')}"


@server.tool
async def test_input_required_result_multiple_inputs(ctx: Context) -> str:
    """Ask for three things at once."""
    answers = await ctx.ask(user_name=NAME, greeting=Sample("Write a greeting", max_tokens=50), client_roots=Roots())
    return f"{answers['greeting'].text} {answers['user_name'].content.get('name')}, {len(answers['client_roots'])}"


@server.tool
async def test_input_required_result_multi_round(ctx: Context) -> str:
    """Ask for one thing after another."""
    first = (await ctx.ask(step1=Form("Step 1: what is your name?", {"name": str})))["step1"]
    second = (await ctx.ask(step2=Form("Step 2: what is your favourite colour?", {"color": str})))["step2"]
    return f"{first.content.get('name')} likes {second.content.get('color')}"


@server.tool
async def test_input_required_result_tampered_state(ctx: Context) -> str:
    """Ask for a confirmation, with a state that nobody may change."""
    answer = (await ctx.ask(confirm=Form("Please confirm", {"ok": bool})))["confirm"]
    return f"state-ok: {answer.content.get('ok')}"


@server.tool
async def test_input_required_result_capabilities(ctx: Context) -> str:
    """Ask for what the client can do."""
    wanted: dict[str, Form | Sample] = {}
    if "elicitation" in ctx.capabilities:
        wanted["user_name"] = NAME
    if "sampling" in ctx.capabilities:
        wanted["greeting"] = Sample("Write a greeting", max_tokens=50)
    answers = await ctx.ask(**wanted)
    return f"{len(answers)} answers"


# Tasks: what a client that knows them fetches later.


@server.tool
async def greet(name: str) -> str:
    """Greet at once."""
    return f"Hello, {name}!"


@server.tool(task="optional")
async def slow_compute(seconds: float, label: str = "") -> str:
    """Compute for a while."""
    await asyncio.sleep(seconds)
    return f"computed {label} in {seconds:g} s"


@server.tool(task="required")
async def failing_job() -> str:
    """Fail after a while."""
    await asyncio.sleep(10 * PAUSE)
    raise ToolError("the job failed")


@server.tool(task="optional")
async def protocol_error_job() -> str:
    """End with an error of the protocol."""
    await asyncio.sleep(PAUSE)
    raise CallRefused(-32603, "the job could not be done")


@server.tool(task="optional")
async def confirm_delete(filename: str, ctx: Context) -> str:
    """Delete a file once that is confirmed."""
    answer = (await ctx.ask(confirm=Form(f"Delete {filename}?", {"confirm": bool})))["confirm"]
    return f"deleted {filename}" if answer.content.get("confirm") else f"kept {filename}"


@server.tool(task="optional")
async def multi_input(ctx: Context) -> str:
    """Ask for two things, which may be answered one at a time."""
    answers = await ctx.ask(
        first=Form("What is your first name?", {"name": str}), last=Form("What is your last name?", {"name": str})
    )
    return " ".join(str(answer.content.get("name")) for answer in answers.values())


@server.tool(task="optional", asks_first={"user_name": NAME})
async def test_tool_with_task(ctx: Context) -> str:
    """Ask for a name, and then go on as a task."""
    answer = (await ctx.ask(user_name=NAME))["user_name"]
    await asyncio.sleep(PAUSE)
    return f"Hello, {answer.content.get('name')}!"


# Resources, prompts, completions.


@server.resource("test://static-text", name="static-text", mime_type="text/plain")
def static_text() -> str:
    """A text."""
    return "This is the content of the static text resource."


@server.resource("test://static-binary", name="static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """An image."""
    return PNG


@server.resource("test://template/{id}/data", name="template", mime_type="application/json")
def template(id: str) -> dict[str, Any]:
    """Data by id."""
    return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}


@server.resource("test://watched-resource", name="watched-resource", mime_type="text/plain")
def watched() -> str:
    """A resource that clients follow."""
    return "Watch me."


@server.prompt
def test_simple_prompt() -> str:
    """Ask for a test."""
    return "This is a simple prompt for testing."


@server.prompt
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """Ask with two arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@server.completion("test_prompt_with_arguments", "arg1")
def completed(typed: str) -> list[str]:
    """What the first argument could be."""
    return [value for value in ("paris", "park", "party") if value.startswith(typed)]


@server.prompt
def test_prompt_with_embedded_resource(resourceUri: str) -> list[PromptMessage]:  # noqa: N803 - the suite names it
    """Ask about a resource that comes along."""
    resource = Contents(resourceUri, text="Embedded resource content for testing.", mime_type="text/plain")
    return [PromptMessage(Embedded(resource)), PromptMessage("Please process the embedded resource above.")]


@server.prompt
def test_prompt_with_image() -> list[PromptMessage]:
    """Ask about an image."""
    return [PromptMessage(Image(PNG, "image/png")), PromptMessage("Please analyze the image above.")]


@server.prompt
async def test_input_required_result_prompt(ctx: Context) -> str:
    """Ask for the context first."""
    answer = (await ctx.ask(user_context=Form("What is the context?", {"context": str})))["user_context"]
    return f"Use this context: {answer.content.get('context')}"
