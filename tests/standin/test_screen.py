import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin.dialogs import Dialog
from standin.framebuffer import MemoryFramebuffer, NoFramebuffer
from standin.screen import Screen

DIALOG = Dialog(None, "Shut Down Windows", ["Select a reason:"] * 9, True, None)
SIZES = [(800, 600), (1280, 800), (320, 200), (64, 64)]
SCENES = {
    "starting": lambda screen: screen.starting(),
    "repairing": lambda screen: screen.repairing(),
    "logon": lambda screen: screen.logon(),
    "locked": lambda screen: screen.logon("tester"),
    "desktop": lambda screen: screen.desktop(["Untitled - document"] * 9),
    "shutting down": lambda screen: screen.shutting_down(),
    "restarting": lambda screen: screen.shutting_down(restart=True),
    "signing out": lambda screen: screen.ending_session("signing out"),
    "blocking": lambda screen: screen.blocking([("Untitled - document", None)] * 9),
    "blocking a restart": lambda screen: screen.blocking([("Untitled", None)], "restarting"),
    "blocking a logoff": lambda screen: screen.blocking([("Untitled", None)], "signing out"),
    "dialog": lambda screen: screen.desktop(["Untitled - document"], DIALOG),
}


@pytest.mark.parametrize("size", SIZES)
def test_every_scene_fits_every_size(size):
    frame = MemoryFramebuffer(*size)
    length = len(frame.pixels)
    for draw in SCENES.values():
        draw(Screen(frame))
        assert len(frame.pixels) == length


def test_no_two_scenes_look_alike():
    pictures = set()
    for draw in SCENES.values():
        frame = MemoryFramebuffer()
        draw(Screen(frame))
        pictures.add(bytes(frame.pixels))
    assert len(pictures) == len(SCENES)


def test_the_blocking_screen_names_the_program_and_its_reason():
    pictures = set()
    for program in (("One", None), ("Two", None), ("One", "A disc is being written.")):
        frame = MemoryFramebuffer()
        Screen(frame).blocking([program])
        pictures.add(bytes(frame.pixels))
    assert len(pictures) == 3


@given(st.text(max_size=300))
def test_any_title_can_be_drawn(title):
    frame = MemoryFramebuffer(200, 150)
    length = len(frame.pixels)
    Screen(frame).desktop([title], Dialog(None, title, [title], False, None))
    Screen(frame).blocking([(title, title)])
    assert len(frame.pixels) == length


def test_a_dark_display_stays_dark_until_woken_and_then_shows_the_latest():
    frame = MemoryFramebuffer()
    screen = Screen(frame)
    screen.starting()
    screen.blank()
    screen.desktop([])
    assert not any(frame.pixels)
    screen.wake()
    assert screen.visible
    assert any(frame.pixels)


def test_a_machine_without_a_display():
    screen = Screen(NoFramebuffer())
    for draw in SCENES.values():
        draw(screen)
    screen.blank()
    assert not screen.visible
