"""Application slots, as the agent sees them: it reads the state, and asks for everything else.

The agent has no right to write a slot or the state. It leaves a request in its own folder, which
the service manager watches, and reads the answer of the privileged side.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent import __version__
from agent.core.records import dataclass
from agent.ports import ImageRefused, InstallationFailed, SlotStanding
from agent.update.durable import remove_file
from agent.update.layout import Layout
from agent.update.requests import Answer, Order, Outcome, Request, read_answer, write_request
from agent.update.slot_link import linked_slot
from agent.update.slot_state import SlotState, SlotStateError, load

PortProblem: Final = (ImageRefused, InstallationFailed)
"""What a caller below `agent.ports` may have to tell."""
IMAGE: Final = "image.bundle"
POLL_S: Final = 0.2
AGAIN_S: Final = 5.0
TAKEN_UP_S: Final = 120.0
"""How long it may take until an idle privileged side has begun: after a boot all start at once."""
SILENCE_S: Final = 900.0
"""How long an installation may be without any progress: a slow card that is nearly full."""


@dataclass(frozen=True, slots=True)
class ApplicationSlots:
    """The two application trees of the machine below `root`; implements `Slots`.

    `now_s` tells the time by which the signer's certificate is judged, in seconds since 1970.
    """

    root: Path = Path("/")
    state_dir: Path | None = None
    now_s: Callable[[], float] = time.time

    @property
    def layout(self) -> Layout:
        """Return where everything lies."""
        return Layout(self.root, self.state_dir)

    async def standing(self) -> SlotStanding:
        """Return what runs; raises `InstallationFailed` if the state cannot be read."""
        state = self._state()
        return SlotStanding(
            version=__version__,
            on_trial=state.trial is not None and state.trial == linked_slot(self.layout),
            trial_failed=state.failed is not None,
            failure=state.failure,
        )

    async def running(self) -> str:
        """Return the slot that was linked when this process was started."""
        return linked_slot(self.layout) or ""

    async def install(self, image: Path, progress: Callable[[int], None]) -> None:
        """Have an image verified and written; raises `ImageRefused`, `InstallationFailed`."""
        await asyncio.to_thread(self._lay_out, image)
        try:
            await self._ask(Order.INSTALL, image=IMAGE, progress=progress)
        except asyncio.CancelledError:
            # Root may be who asks, in a folder of the agent's: no link there is followed.
            with contextlib.suppress(FileExistsError):
                self.layout.cancel.touch(exist_ok=False)
            raise
        finally:
            self._layout_image().unlink(missing_ok=True)

    async def activate(self) -> None:
        """Have the written slot started; raises `InstallationFailed`.

        A wish that was told as failed must not come true later, so it is taken back.
        """
        try:
            await self._ask(Order.ACTIVATE)
        except InstallationFailed:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(remove_file, self.layout.request)
            if self._state().trial is None:
                raise

    async def confirm(self) -> None:
        """Keep the running version; raises `InstallationFailed`.

        That takes as long as a vehicle keeps the guard of the version before from leaving: only
        when the new guard runs as well the version has proven itself. A trial that has come to
        its end meanwhile keeps nothing.
        """
        while self._state().trial is not None:
            if await self._ask(Order.CONFIRM) is not Outcome.LATER:
                break
            await asyncio.sleep(AGAIN_S)
        state = self._state()
        if state.failed is not None:
            raise InstallationFailed(f"its trial is over: {state.failure}")

    async def give_up(self, reason: str = "") -> None:
        """Go back to the version before; raises `InstallationFailed`."""
        await self._ask(Order.GIVE_UP, reason=reason)

    def _layout_image(self) -> Path:
        return self.layout.outbox / IMAGE

    def _state(self) -> SlotState:
        try:
            return load(self.layout.state)
        except SlotStateError as error:
            raise InstallationFailed(str(error)) from error

    def _lay_out(self, image: Path) -> None:
        """Put the image where the privileged side looks for it, by a second name if that goes."""
        try:
            self.layout.outbox.mkdir(mode=0o700, exist_ok=True)
            remove_file(self.layout.cancel)
            self._layout_image().unlink(missing_ok=True)
            try:
                self._layout_image().hardlink_to(image)
            except OSError:
                import shutil  # noqa: PLC0415 - brings much along, and hard links are the rule

                with image.open("rb") as source, self._layout_image().open("xb") as copy:
                    shutil.copyfileobj(source, copy)
        except OSError as error:
            raise InstallationFailed(f"the image cannot be laid out: {error}") from error

    async def _ask(
        self,
        order: Order,
        *,
        image: str = "",
        reason: str = "",
        progress: Callable[[int], None] | None = None,
    ) -> Outcome:
        request = Request(
            order=order,
            number=os.urandom(16).hex(),
            image=image,
            reason=_printable(reason),
            now_s=self.now_s(),
        )
        try:
            self.layout.outbox.mkdir(mode=0o700, exist_ok=True)
            await asyncio.to_thread(write_request, self.layout.request, request)
        except OSError as error:
            raise InstallationFailed(f"the request cannot be written: {error}") from error
        return _judged(await self._answered(request, progress or (lambda _: None)))

    async def _answered(self, request: Request, progress: Callable[[int], None]) -> Answer:
        """Wait for the end of a request, as long as something happens.

        The privileged side does one thing after the other: what a run asked for that a power cut
        ended is carried out first, and on a busy machine that takes a while.
        """
        clock = asyncio.get_running_loop()
        heard, patience_ends = None, clock.time() + TAKEN_UP_S
        while clock.time() < patience_ends:
            answer = read_answer(self.layout.answer)
            if answer is not None and answer != heard:
                heard, patience_ends = answer, clock.time() + _patience_s(answer)
                if answer.number == request.number:
                    if answer.outcome is not Outcome.WORKING:
                        return answer
                    progress(answer.percent)
            await asyncio.sleep(POLL_S)
        raise InstallationFailed(
            f"{request.order.value}: no answer; is stationd-update.path enabled?"
        )


def _patience_s(answer: Answer) -> float:
    """Return how long nothing may be heard after an answer, be it to this request or another."""
    return SILENCE_S if answer.outcome is Outcome.WORKING else TAKEN_UP_S


def _judged(answer: Answer) -> Outcome:
    match answer.outcome:
        case Outcome.REFUSED:
            raise ImageRefused(answer.message)
        case Outcome.FAILED:
            raise InstallationFailed(answer.message)
        case Outcome.WORKING | Outcome.DONE | Outcome.LATER:
            return answer.outcome


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:200]
