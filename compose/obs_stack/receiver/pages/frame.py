"""What every page has around it, and the forms in which times, durations and links are shown."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from starlette.responses import HTMLResponse

from obs_stack.receiver.moments import NANOSECONDS
from obs_stack.receiver.pages.html import Child, Html, tag

_NAVIGATION = (("/", "Overview"), ("/logs", "Logs"))


def page(title: str, *body: Child, status: int = 200, refresh: int = 0) -> HTMLResponse:
    """A whole page.

    Args:
        title: Its heading.
        *body: What is below the heading.
        status: The HTTP status.
        refresh: After how many seconds a browser loads it again; 0 is never.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="refresh", content=refresh) if refresh else None,
        tag("title", f"{title} · obs"),
        tag("link", rel="stylesheet", href="/style.css"),
    )
    navigation = tag("nav", tag("strong", "obs"), [tag("a", name, href=address) for address, name in _NAVIGATION])
    footer = tag("footer", "Local mode: this page stands in for Grafana and Kibana on this machine. Times are in UTC.")
    content = tag("body", navigation, tag("main", tag("h1", title), body), footer)
    return HTMLResponse("<!doctype html>" + tag("html", head, content, lang="en"), status)


def problem(status: int, message: str) -> HTMLResponse:
    """A page that says what went wrong."""
    title = {400: "Not understood", 404: "Not found", 503: "Too slow"}.get(status, "Error")
    return page(title, note(message[:1].upper() + message[1:] + ".", "bad"), status=status)


def note(text: Child, kind: str = "plain") -> Html:
    """A remark that stands out; its kind is ``plain`` or ``bad``."""
    return tag("p", text, class_=f"note {kind}")


def clock(unix_nano: int) -> Html:
    """A time to the millisecond; the date is in the title."""
    seconds, rest = divmod(unix_nano, NANOSECONDS)
    when = datetime.fromtimestamp(seconds, UTC)
    return tag("time", f"{when:%m-%d %H:%M:%S}.{rest // 10**6:03d}", title=f"{when:%Y-%m-%d %H:%M:%S}")


def milliseconds(amount: float) -> str:
    """A duration in the unit that fits.

    Example:
        >>> milliseconds(1500.0)
        '1.50 s'
    """
    if amount >= 1000:
        return f"{amount / 1000:.2f} s"
    return f"{amount:.1f} ms" if amount >= 1 else f"{amount * 1000:.0f} µs"


def counted(number: int, noun: str) -> str:
    """A number of things.

    Example:
        >>> counted(1, "span"), counted(1200, "line")
        ('1 span', '1,200 lines')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def logs_address(query: str, **more: str) -> str:
    """The address of the log lines that a query finds."""
    return "/logs?" + urlencode({"q": query, **more})


def trace_link(trace_id: str, text: str = "") -> Html:
    """A link to a trace."""
    return tag("a", text or trace_id[:8], href=f"/trace/{quote(trace_id)}", title=f"trace {trace_id}")


def term(field: str, value: str) -> str:
    """A condition of Lucene's language on one value, quoted so that nothing in the value is read as syntax."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{field}:"{quoted}"'
