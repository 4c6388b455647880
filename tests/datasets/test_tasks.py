"""The hand-written questions answer themselves."""

import pandas as pd
import pytest

from mlsys4sys.datasets.tasks import QUESTIONS


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_every_program_answers_its_question_and_changes_something(question):
    output = question.output()
    assert not any(type(output) is type(given) and output is given for given in question.inputs())
    if isinstance(output, pd.DataFrame | pd.Series):
        assert len(output), question.name


def test_names_are_distinct():
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS) >= 80
