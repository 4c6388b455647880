"""The hand-written questions answer themselves."""

import pandas as pd
import pytest

from mlsys4sys.datasets import hard, posted, reshaping
from mlsys4sys.datasets.asked import DEVELOPMENT, HELD_OUT
from mlsys4sys.datasets.tasks import QUESTIONS

HARD = (*hard.DEVELOPMENT, *hard.HELD_OUT)
RESHAPING = (*reshaping.DEVELOPMENT, *reshaping.HELD_OUT)
EVERY = (*QUESTIONS, *DEVELOPMENT, *HELD_OUT, *HARD, *RESHAPING, *posted.QUESTIONS)


@pytest.mark.parametrize("question", EVERY, ids=lambda question: question.name)
def test_every_program_answers_its_question_and_changes_something(question):
    output = question.output()
    assert not any(type(output) is type(given) and output is given for given in question.inputs())
    if isinstance(output, pd.DataFrame | pd.Series):
        assert len(output), question.name


def test_names_are_distinct():
    counted = (
        (QUESTIONS, 80),
        ((*DEVELOPMENT, *HELD_OUT), 240),
        (HARD, 150),
        (RESHAPING, 100),
        (posted.QUESTIONS, 220),
    )
    for questions, least in counted:
        assert len({question.name for question in questions}) == len(questions) >= least


def test_a_name_is_a_seed_for_its_tables():
    first, again = (DEVELOPMENT[0].inputs()[0] for _ in range(2))
    assert first is not again
    pd.testing.assert_frame_equal(first, again)
