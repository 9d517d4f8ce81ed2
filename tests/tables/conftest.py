"""What the tests share: a service that must leave nothing behind, and a sum that tests/run counts."""

import gc

import ferry
import pytest


@pytest.fixture
def service(request):
    """A service; when the test has passed, nothing of the library may live."""
    failed = request.session.testsfailed
    with ferry.Service() as service:
        yield service
        gc.collect()
    gc.collect()
    counts = ferry.live_counts()
    # The report of a failure keeps what the test had.
    assert request.session.testsfailed > failed or not any(counts.values()), f"the library still holds {counts}"


@pytest.fixture
def memory(service):
    return service.store("memory://tables")


@pytest.fixture
def folder(service, tmp_path):
    return service.store(f"file://{tmp_path}")


def pytest_terminal_summary(terminalreporter):
    """A test that was not run has not passed."""
    counts = {name: len(reports) for name, reports in terminalreporter.stats.items()}
    failed = sum(counts.get(name, 0) for name in ("failed", "error", "skipped", "xfailed", "xpassed"))
    terminalreporter.write_line(f"{counts.get('passed', 0)} passed, {failed} failed")


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter.stats.get("skipped"):
        session.exitstatus = 1
