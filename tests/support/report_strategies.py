"""Strategies for records of a gate run."""

from __future__ import annotations

from hypothesis import strategies as st

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.diagnosis.verdict import Confidence, Evidence, Source, Verdict
from powerdown.report.scenario_record import ScenarioRecord, StageRecord, Status
from powerdown.shutdown.timeline import Step

texts = st.text(max_size=20)


numbers = st.floats(allow_nan=False, allow_infinity=False)


verdicts = st.builds(
    Verdict,
    st.sampled_from(Outcome),
    st.sampled_from(Cause),
    st.sampled_from(Confidence),
    st.lists(
        st.builds(Evidence, st.sampled_from(Source), st.none() | numbers, texts, texts), max_size=3
    ).map(tuple),
    st.lists(st.tuples(st.sampled_from(Cause), texts), max_size=2).map(tuple),
    texts,
)


stages = st.builds(
    StageRecord,
    texts,
    st.none() | st.builds(Expected, st.sampled_from(Outcome), st.sampled_from(Cause)),
    st.none() | verdicts,
    st.fixed_dictionaries({step: st.none() | numbers for step in Step}),
    numbers,
    numbers,
    st.dictionaries(texts, st.none() | st.booleans() | st.integers() | numbers | texts, max_size=3),
    st.none() | numbers,
    st.none() | verdicts,
    st.booleans(),
)


records = st.builds(
    ScenarioRecord,
    texts,
    texts,
    texts,
    texts,
    st.sampled_from(Status),
    st.lists(stages, max_size=2).map(tuple),
    texts,
)
