

@pytest.mark.parametrize("text", ["It isn't yes.", "It isn’t yes.", "The answer isn't no.", "The answer is not yes."])
def test_a_denied_word_is_not_the_answer(text):
    for rule in ("yes_no", "short_answer"):
        assert extract(text, [rule]).value is None
