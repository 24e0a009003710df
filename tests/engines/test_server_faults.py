"""What a failed request is taken for, by its status and its words."""

import pytest

from rearank_cli.engines.faults import WORDS, Kind, of_body, of_status, redirected, words


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"message": "the prompt is too long"}}, Kind.REFUSED),
        (413, "", Kind.REFUSED),
        (422, "cannot read the body", Kind.REFUSED),
        (451, None, Kind.REFUSED),
        (418, {}, Kind.REFUSED),
        (403, {"error": {"message": "your input was flagged", "metadata": {"reasons": ["x"]}}}, Kind.REFUSED),
        (500, {"error": {"message": "the context size is exceeded by this prompt"}}, Kind.REFUSED),
        (500, {"error": {"message": "context shift is disabled", "type": "server_error"}}, Kind.REFUSED),
        (
            500,
            {"error": {"message": "input token count exceeds the maximum of tokens allowed"}},
            Kind.REFUSED,
        ),
        (429, {"error": {"message": "Request too large: limit 6000 tokens per minute"}}, Kind.REFUSED),
        (401, {"error": "no such key"}, Kind.DENIED),
        (402, {"error": {"message": "no credit"}}, Kind.DENIED),
        (403, {"error": {"message": "not for you"}}, Kind.DENIED),
        (404, {"message": "no such model"}, Kind.DENIED),
        (405, "", Kind.DENIED),
        (429, {"error": {"message": "no more", "code": "insufficient_quota"}}, Kind.DENIED),
        (429, {"error": {"message": "slow down"}}, Kind.DOWN),
        (408, "", Kind.DOWN),
        (502, "<html><title>Bad Gateway</title>", Kind.DOWN),
        (500, {"error": {"message": "broken"}}, Kind.ODD),
    ],
)
def test_a_status_has_its_kind(status: int, body: object, kind: Kind) -> None:
    assert of_status(status, body, model="m").kind is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "free requests are used up", "code": 429}, Kind.DOWN),
        ({"message": "upstream is idle", "code": "502"}, Kind.DOWN),
        ({"message": "x", "status": 500}, Kind.ODD),
        ({"message": "x", "code": "rate_limit_exceeded"}, Kind.DOWN),
        ({"message": "x", "code": 400}, Kind.REFUSED),
        ({"message": "x", "code": "content_filter"}, Kind.REFUSED),
        ({"message": "x", "type": "invalid_request_error"}, Kind.REFUSED),
        ({"message": "the input may hold inappropriate content", "code": "1301"}, Kind.REFUSED),
        ({"message": "可能包含不安全或敏感内容", "code": "1301"}, Kind.REFUSED),
        ({"message": "no credit", "code": 402}, Kind.DENIED),
        ("model is loading", Kind.ODD),
        ([], Kind.ODD),
        ({"message": {"code": ["odd"]}}, Kind.ODD),
    ],
)
def test_an_error_under_200_is_taken_for_what_it_says(error: object, kind: Kind) -> None:
    assert of_body(error, model="m").kind is kind


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "filtered", "code": "content_filter"}}, "filtered (content_filter)"),
        ({"error": {"message": "content_filter met", "code": "content_filter"}}, "content_filter met"),
        ({"object": "error", "message": "too long", "type": "BadRequestError", "code": 400}, "too long"),
        (
            {"error": {"message": "upstream refused", "metadata": {"raw": "too long"}}},
            "upstream refused: too long",
        ),
        ({"errors": [{"message": "a"}, {"message": "b"}]}, "a; b"),
        ({"detail": "not so"}, "not so"),
        ({"a": [1]}, "{'a': [1]}"),
        ("\x1b[2Jred\r\nline\u202e", "[2Jred line"),
        ("m" * 999, "m" * WORDS),
        (None, ""),
    ],
)
def test_a_servers_words_are_one_line_without_control_characters(body: object, said: str) -> None:
    assert words(body) == said


def test_a_redirect_says_where_it_points() -> None:
    assert "redirects with 307 to https://elsewhere/v1" in redirected(307, "https://elsewhere/v1").what
