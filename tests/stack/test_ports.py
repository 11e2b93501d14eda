"""Ports: the usual ones where they are free."""

from __future__ import annotations

import socket

from obs_stack.local import ports


def test_free_port_is_kept_and_a_taken_one_replaced() -> None:
    """Only the program whose port is taken gets another one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        occupied = taken.getsockname()[1]
        free = ports.choose({"probe": 0})["probe"]
        chosen = ports.choose({"prometheus": occupied, "receiver": free})
    assert chosen["receiver"] == free
    assert chosen["prometheus"] not in {occupied, free, 0}


def test_two_programs_never_get_one_port() -> None:
    """Any free ports, and one wish that two programs share, are all different."""
    wish = ports.choose({"probe": 0})["probe"]
    chosen = ports.choose({**ports.ANY, "first": wish, "second": wish})
    assert len(set(chosen.values())) == len(chosen)
