"""The pytest plugin: options, fixtures, the ``scenario`` marker, and the result of a run."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from powerdown.core.errors import HostFault, NotOnThisGuest, PowerdownError
from powerdown.core.files import slug
from powerdown.core.parent_death import die_with_parent
from powerdown.host.host import Host
from powerdown.images.definition import read
from powerdown.images.image import Image
from powerdown.machine.backend import Backend
from powerdown.machine.run_directory import RunDirectory
from powerdown.pytest_plugin.backends import add_options, libvirt_uri, records_to_compare, ways
from powerdown.pytest_plugin.gate_run import (
    Records,
    SharedImages,
    WorkerNotes,
    gate_result,
    write_confusion,
)
from powerdown.pytest_plugin.selected_images import image_names
from powerdown.report.confusion import Confusion
from powerdown.report.gate_result import GateResult, HostFacts
from powerdown.report.scenario_record import ScenarioRecord, Status
from powerdown.report.summary import render
from powerdown.scenario.injection import Injection
from powerdown.scenario.scenario import Scenario

OpenScenario = Callable[[Image, str], AbstractContextManager[Scenario]]
"""Type of the fixture :func:`open_scenario`."""

_VIA = "via"
"""Name of the fixture that says which way commands take."""

_NO_VARIANT = ("image_definition", _VIA)
"""Parameters of tests that say where a scenario runs, not what it is."""

_RECORD = "powerdown_record"
"""Attribute of a test report that carries a scenario's record from a worker to the controller."""

_RUN = "powerdown_run"
"""Key under which a worker is told the directory that it shares with the others."""

_FILE_WIDTH = 120
"""Columns of the result where it does not go to a terminal."""

_PARENT = "powerdown_parent"
"""Key under which a worker on this host is told its controller's process id."""

_GIVEN_WORKERS = "PYTEST_XDIST_AUTO_NUM_WORKERS"
"""Environment variable by which a user tells xdist what ``-n auto`` means."""

_run_key = pytest.StashKey[Path]()
_records_key = pytest.StashKey[Records]()
_result_key = pytest.StashKey[GateResult]()
_no_result_key = pytest.StashKey[str]()
_scenario_key = pytest.StashKey[Scenario]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of Powerdown."""
    group = parser.getgroup("powerdown", "soft shutdown of Windows images")
    group.addoption(
        "--image",
        action="append",
        metavar="FILE",
        help="image definition (TOML) to test; may be given several times",
    )
    group.addoption(
        "--reports",
        metavar="DIRECTORY",
        default="reports",
        help="where gate.json, pictures and transcripts go (default: %(default)s)",
    )
    group.addoption(
        "--cold",
        action="store_true",
        help="boot every guest from power-on instead of cloning one that was saved when ready",
    )
    group.addoption(
        "--inject",
        choices=[str(way) for way in Injection],
        default=str(Injection.ONLINE),
        help="write the settings of a fault in the running guest, or offline: to the hives on its "
        "overlay before it starts; what is no setting is skipped then (default: %(default)s)",
    )
    add_options(group)
    parser.addini(
        "powerdown_images", "image definitions to test without --image", type="paths", default=[]
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, check ``--image`` and prepare what the workers of a run share."""
    config.addinivalue_line(
        "markers",
        "scenario(id, variant=''): a conformance scenario",
    )
    config.stash[_records_key] = Records()
    if _is_worker(config):
        worker: dict[str, Any] = config.workerinput  # type: ignore[attr-defined]
        if _PARENT in worker:
            die_with_parent(worker[_PARENT])
        config.stash[_run_key] = Path(worker[_RUN])
        return
    if config.getoption("--image"):
        image_names(config)
    ways(config)
    try:
        records_to_compare(config)
    except PowerdownError as error:
        # Before an hour of tests, not after it.
        raise pytest.UsageError(f"--compare: {error}") from error
    if _reports(config).exists() and not _reports(config).is_dir():
        raise pytest.UsageError(f"--reports: {_reports(config)} is no directory; give another")
    config.pluginmanager.register(_Collector(config), "powerdown-collector")
    run = RunDirectory("run")
    config.add_cleanup(run.close)
    config.stash[_run_key] = run.path


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """How many workers ``-n auto`` means: as many as guests may live at once."""
    if os.environ.get(_GIVEN_WORKERS):
        return None
    try:
        images = [read(definition).described for definition in image_names(config)]
        found = Host.of_this_host().workers(images, cold=config.getoption("--cold"))
    except PowerdownError as error:
        raise pytest.UsageError(str(error)) from error
    _say(config, str(found))
    return found.count


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker the directory of the run, and whom not to outlive."""
    node.workerinput[_RUN] = str(node.config.stash[_run_key])
    if node.gateway.spec.popen and not node.gateway.spec.backend:
        node.workerinput[_PARENT] = os.getpid()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that needs an image once on each, and each way to QEMU that was chosen."""
    if "image_definition" not in metafunc.fixturenames:
        return
    chosen = ways(metafunc.config)
    if len(chosen) > 1:
        metafunc.parametrize(_VIA, chosen, scope="session", indirect=True)
    try:
        images = image_names(metafunc.config)
    except pytest.UsageError as error:
        # Told like this it is one line without a traceback.
        raise pytest.Collector.CollectError(str(error)) from error
    metafunc.parametrize("image_definition", images, ids=images.values(), scope="session")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note what is going to run, in case a worker dies or the run is stopped."""
    marked = ((item, item.get_closest_marker("scenario")) for item in session.items)
    WorkerNotes(session.config.stash[_run_key]).select(
        _record(item, marker, Status.SKIPPED, "not run: the run was stopped before it")
        for item, marker in marked
        if marker
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Run no scenario a second time after it has taken a worker with it."""
    if _is_worker(item.config) and item.get_closest_marker("scenario"):
        notes = WorkerNotes(item.config.stash[_run_key])
        if not notes.begin(item.nodeid):
            pytest.fail("the worker that ran this test died; it is not tried again", pytrace=False)


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    """Which way commands take to QEMU."""
    return getattr(request, "param", None) or ways(request.config)[0]


@pytest.fixture(scope="session")
def host(backend: Backend, request: pytest.FixtureRequest) -> Iterator[Host]:
    """This host as a place for guests."""
    config = request.config
    try:
        host = Host.of_this_host(backend, libvirt_uri(config))
    except PowerdownError as error:
        _stop_run(request.session, error)
    say = partial(_say, config)
    host = host.with_admission(config.stash[_run_key] / "admission", say)
    if not config.getoption("--cold"):
        notes = SharedImages(config.stash[_run_key]).start_notes
        host = host.with_templates(notes, say)
    yield host
    host.close()


@pytest.fixture(scope="session")
def image(image_definition: Path, host: Host, request: pytest.FixtureRequest) -> Image:
    """The image under test; its disk and its template are made if need be, once in a run."""
    try:
        image = SharedImages(request.config.stash[_run_key]).prepare(image_definition)
        host.prepare(image)
        return image
    except PowerdownError as error:
        if len(image_names(request.config)) > 1:
            # The others can still be tested; what failed once is not tried again.
            pytest.fail(str(error), pytrace=False)
        _stop_run(request.session, error)


@pytest.fixture(scope="session")
def open_scenario(host: Host, pytestconfig: pytest.Config) -> OpenScenario:
    """Opens scenarios that outlive one test; most tests want :func:`scenario` instead."""
    reports = _reports(pytestconfig)
    injection = Injection(pytestconfig.getoption("--inject"))

    @contextmanager
    def opened(image: Image, title: str) -> Iterator[Scenario]:
        artifacts = reports / "scenarios" / image.name / slug(title)
        scenario = Scenario(host, image, title, artifacts, injection)
        try:
            yield scenario
        finally:
            scenario.close()

    return opened


@pytest.fixture
def scenario(
    request: pytest.FixtureRequest, image: Image, open_scenario: OpenScenario
) -> Iterator[Scenario]:
    """The scenario of this test: boots guests and ends them all when the test ends."""
    marker = request.node.get_closest_marker("scenario")
    if marker is None:
        raise pytest.UsageError(f"{request.node.nodeid} uses 'scenario' but has no such marker")
    title = " ".join((marker.args[0], _variant(request.node, marker))).strip()
    with open_scenario(image, title) as opened:
        request.node.stash[_scenario_key] = opened
        yield opened


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Skip a test whose scenario cannot be provoked on its guest."""
    try:
        return (yield)
    except NotOnThisGuest as error:
        pytest.skip(f"cannot be provoked here: {error}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the scenario's record to the report of the phase that decides its status."""
    report = yield
    marker = item.get_closest_marker("scenario")
    status = _status(report, call.excinfo)
    if marker is not None and status is not None:
        setattr(report, _RECORD, _record(item, marker, status, _message(report)).to_json())
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write ``gate.json`` and the confusion matrix, now that all guests have ended.

    The run has failed if an image was written or a verdict was wrong and confident.
    """
    config = session.config
    records = config.stash[_records_key]
    if _is_worker(config) or not records.in_order():
        return
    file, confusion_file = (_reports(config) / name for name in ("gate.json", "confusion.json"))
    records.complete(WorkerNotes(config.stash[_run_key]).selected())
    try:
        host = HostFacts.of(Host.of_this_host().accelerator)
        others = records_to_compare(config)
        result = gate_result(host, SharedImages(config.stash[_run_key]), records, others)
        result.write(file)
        confusion = Confusion.of(result.scenarios)
        write_confusion(confusion, result, confusion_file)
    except PowerdownError as error:
        config.stash[_no_result_key] = f"no gate result: {error}"
        # An earlier run's result must not pass for this one's.
        for stale in (file, confusion_file, confusion_file.with_suffix(".png")):
            with suppress(OSError):
                stale.unlink()
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        return
    config.stash[_result_key] = result
    if any(image.untouched is False for image in result.images) or confusion.wrong_confident:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the result as a table."""
    config = terminalreporter.config
    if _no_result_key in config.stash:
        terminalreporter.write_line(config.stash[_no_result_key], red=True)
    result = config.stash.get(_result_key, None)
    if result is None:
        return
    terminalreporter.section("soft shutdown")
    # What is not a terminal has no width: pytest assumes 80, too narrow for the table.
    width = terminalreporter._tw.fullwidth if terminalreporter.isatty else _FILE_WIDTH
    files = {"result": "gate.json", "confusion": "confusion.png", "pictures": "scenarios"}
    reports = {word: _reports(config) / name for word, name in files.items()}
    text = render(result, width, terminalreporter.hasmarkup, reports)
    terminalreporter.write(text, flush=True)


class _Collector:
    """Takes scenario records out of test reports, on the controller or without xdist."""

    def __init__(self, config: pytest.Config) -> None:
        self._records = config.stash[_records_key]
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the record that came with a report, or note a worker that crashed."""
        record = getattr(report, _RECORD, None)
        if record is not None:
            self._records.add(ScenarioRecord.from_json(record))
        elif report.when not in ("setup", "call", "teardown"):
            # xdist's report for a test whose worker died has the phase "???" and nothing else.
            notes = WorkerNotes(self._config.stash[_run_key])
            lost = notes.lost(report.nodeid, report.longreprtext)
            if lost is not None:
                self._records.add(lost)


def _stop_run(session: pytest.Session, error: PowerdownError) -> NoReturn:
    """End the run with one line: every further test would fail in the same way."""
    session.shouldstop = str(error)
    raise pytest.fail.Exception(str(error), pytrace=False) from None


def _say(config: pytest.Config, line: str) -> None:
    """Show a line of progress at once, past pytest's capturing and xdist's silence."""
    capture = config.pluginmanager.getplugin("capturemanager")
    shown = nullcontext() if capture is None else capture.global_and_fixture_disabled()
    with shown:
        print(f"powerdown: {line}", file=sys.stderr, flush=True)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _reports(config: pytest.Config) -> Path:
    return config.invocation_params.dir / str(config.getoption("--reports"))


def _status(
    report: pytest.TestReport, failure: pytest.ExceptionInfo[BaseException] | None
) -> Status | None:
    """What this phase decides about the test; ``None`` when it decides nothing."""
    if report.skipped:
        return Status.SKIPPED
    if failure is not None and failure.errisinstance(HostFault):
        # It says nothing of the image.
        return Status.ERROR
    if report.when == "call":
        return Status.PASSED if report.passed else Status.FAILED
    return Status.ERROR if report.failed else None


def _record(item: pytest.Item, marker: pytest.Mark, status: Status, message: str) -> ScenarioRecord:
    opened = item.stash.get(_scenario_key, None)
    return ScenarioRecord(
        image=_image_name(item),
        scenario=str(marker.args[0]),
        variant=_variant(item, marker),
        test_id=item.nodeid,
        status=status,
        stages=opened.stages if opened is not None else (),
        message=message,
        backend=_way(item),
    )


def _image_name(item: pytest.Item) -> str:
    """The image's name; its definition's, when the image could not be prepared."""
    image = getattr(item, "funcargs", {}).get("image")
    if isinstance(image, Image):
        return image.name
    callspec = getattr(item, "callspec", None)
    definition = callspec.params.get("image_definition") if callspec else None
    return "" if definition is None else image_names(item.config).get(definition, "")


def _way(item: pytest.Item) -> Backend:
    callspec = getattr(item, "callspec", None)
    return Backend((callspec.params if callspec else {}).get(_VIA, ways(item.config)[0]))


def _variant(item: pytest.Item, marker: pytest.Mark) -> str:
    """The variant's name: parameters other than the image, then what the marker says."""
    callspec = getattr(item, "callspec", None)
    parameters = callspec.params.items() if callspec else ()
    words = [_word(value) for name, value in parameters if name not in _NO_VARIANT]
    return " ".join([*words, str(marker.kwargs.get("variant", ""))]).strip()


def _word(value: object) -> str:
    return str(getattr(value, "variant", value))


def _message(report: pytest.TestReport) -> str:
    if report.skipped and isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    if report.passed:
        return ""
    crash = getattr(report.longrepr, "reprcrash", None)
    told = report.longreprtext if crash is None else str(crash.message)
    return re.sub(r"^(Failed|[\w.]+\.UnexpectedVerdict): ", "", told)
