"""Short answers: a word that is denied is not the answer."""

from __future__ import annotations

import pytest

from audiobench.extraction import extract


@pytest.mark.parametrize("text", ["It isn't yes.", "It isn’t yes.", "The answer isn't no.", "The answer is not yes."])
@pytest.mark.parametrize("rule", ["yes_no", "short_answer"])
def test_a_denied_word_is_not_the_answer(text: str, rule: str) -> None:
    assert extract(text, [rule]).value is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The answer is 7, not 8.", "7"),
        ("We can't conclude it's valid", None),
        ("It's not invalid.", "valid"),
        ("No problem!", None),
        ("No one tells the truth, so yes", "yes"),
    ],
)
def test_short_answers_of_big_bench_audio(text: str, found: str | None) -> None:
    assert extract(text, ["short_answer"]).value == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The answer is not 5.", None),
        ("The answer is 5 or 6.", None),
        ("She has 5 apples and no one else has any", "5"),
        ("That makes 1 1/2 cups", "1.5"),
        ("\\boxed{\\frac{3}{4}}", "0.75"),
        ("It is 2.1e+01", "21"),
    ],
)
def test_numbers(text: str, found: str | None) -> None:
    assert extract(text, ["number"]).value == found


YES_NO = [
    ("No, you are not back where you began.", "no"),
    ("You are not back where you began.", "no"),
    ("You do not return to the starting point.", "no"),
    ("Yes", "yes"),
    ("no.", "no"),
    ("**Yes.**", "yes"),
    ("Yes, Alejandro tells the truth.", "yes"),
    ("No, Alejandro does not tell the truth. Yes-men lie.", "no"),
    ("The answer is: **No**", "no"),
    ("Final answer: Yes.", "yes"),
    ("<answer>no</answer>", "no"),
    ("\\boxed{\\text{Yes}}", "yes"),
    ("$\\boxed{No}$", "no"),
    (
        "Let's go step by step. 1. Start at 0. 2. Take 5 steps: 5. 3. Turn around and take 5 steps: 0.\n\nYes, you return to the starting point.",
        "yes",
    ),
    ("Step 1: 3 forward.\nStep 2: 3 back.\n\n**Answer: Yes**", "yes"),
    ("So the answer is no, you don't end up where you started.", "no"),
    ("Vina lies. So no, Sherrie does not tell the truth. The answer is No.", "no"),
    ("Yes — you return to the starting point after 10 steps.", "yes"),
    ("No — you end up 5 steps away.", "no"),
    ("No. You end up 3 steps to the left.", "no"),
    ("You take 5 steps, then turn; you end 2 steps away. No.", "no"),
    ("Therefore, **no**, you do not return.", "no"),
    ("The person does not lie, so yes.", "yes"),
    ("I'd say yes.", "yes"),
    ("Probably yes.", "yes"),
    ("It could be yes or no.", None),
    ("Is it yes? I am not sure.", None),
    ("I can't tell whether it is yes or no.", None),
    ("Yes and no.", None),
    ("Not yes.", None),
    ("No, wait, yes. Final answer: yes", "yes"),
    ("Yes... actually, no.", None),
    ("Answer: Yes\n\nExplanation: There is no way to end elsewhere.", "yes"),
    ("Nope.", "no"),
    ("Yeah, you do.", "yes"),
    ("Yep", "yes"),
    ("Sure, yes!", "yes"),
    ('{"answer": "No"}', "no"),
    ("Conclusion: No.", "no"),
    ("### Final Answer\nNo", "no"),
    ("<Conclusion>Yes</Conclusion>", "yes"),
    ("<Reasoning>5 steps then no more</Reasoning><Conclusion>Yes</Conclusion>", "yes"),
    ("答案是：是", "yes"),
    ("不是", "no"),
    ("否", "no"),
    ("是的，你会回到起点。", "yes"),
    ("不，你没有回到起点。", "no"),
    ("- Yes", "yes"),
    ("(No)", "no"),
    ("'No'", "no"),
    ("Yes, it's true that there are no liars.", "yes"),
    ("No doubt about it: yes.", "yes"),
    ("No, because Yes would need 4 more steps.", "no"),
    ('In the end, the answer must be "Yes".', "yes"),
    ("Yes.\n\nYes, you return.", "yes"),
    ("Inga tells the truth, Elanor lies. Does Alejandro tell the truth? No.", "no"),
    ("Does he tell the truth? Yes, he does.", "yes"),
    ("The conclusion does not follow from the premises.", None),
    ("答案：无效", "invalid"),
    ("You are **not** back where you began; you are 5 steps away.", "no"),
    ("You end up back at the starting point.", "yes"),
    ("After these moves you are 4 steps from the start.", None),
    ("Therefore, you return to your starting point.", "yes"),
    ("If you return to the start, the answer is yes.", "yes"),
    ("Alejandro lies.", "no"),
    ("Therefore, Alejandro does not tell the truth.", "no"),
    ("So Alejandro tells the truth.", "yes"),
    ("Inga lies. Elanor says Inga lies.", None),
    (
        "Since Inga lies, Elanor tells the truth. Millicent tells the truth. Therefore, Millicent is telling the truth.",
        "yes",
    ),
    (
        "Let me trace this.\n\n- Start: (0,0)\n- 5 steps forward: (0,5)\n- Turn around\n- 5 steps: (0,0)\n\n**Yes**, you return to the starting point.",
        "yes",
    ),
    ("$\\text{No}$", "no"),
    ("\\(\\boxed{\\text{No}}\\)", "no"),
    ("Answer: **No**.", "no"),
    ("**Answer:** Yes", "yes"),
    ("Yes! You're right back at the start.", "yes"),
    ("No, you would not be back at the start; you'd be 4 steps away.", "no"),
    ("It's a no.", "no"),
    ("That would be a yes.", "yes"),
    ("My answer: no", "no"),
    ("Millie tells the truth: yes", "yes"),
    ("There is no way to know.", None),
    ("No information was given.", None),
    ("No audio was provided.", None),
    ("I have no idea.", None),
    ("1. Vina: truth\n2. Helene says Vina lies: lies\n3. Kandi says Helene tells the truth: lies\n\nAnswer: No", "no"),
    ("VALID.", "valid"),
]


VALIDITY = [
    ("The argument is valid.", "valid"),
    ("Invalid", "invalid"),
    ("The argument is not deductively valid.", "invalid"),
    ("This is not an invalid argument.", "valid"),
    ("**Invalid.** The premises do not entail the conclusion.", "invalid"),
    ("The argument is valid because the premises entail it. It would be invalid otherwise.", "valid"),
    ("The argument, given the explicitly stated premises, is deductively valid.", "valid"),
    ("Final Answer: **invalid**", "invalid"),
    ("\\boxed{\\text{invalid}}", "invalid"),
    ("The conclusion does not follow, so the argument is invalid.", "invalid"),
    ("The argument isn't valid.", "invalid"),
    ("It's valid, not invalid.", "valid"),
    ("valid, yes", "valid"),
    ("Is the argument valid? No.", "invalid"),
    ("Is it valid or invalid? It is invalid.", "invalid"),
    (
        "To decide whether the argument is valid or invalid, look at the premises. All A are B. Therefore the argument is **valid**.",
        "valid",
    ),
    ("Step 1: restate. Step 2: check.\n\nThe argument is deductively invalid.", "invalid"),
    ("No, the argument is not valid.", "invalid"),
    ("Yes, the argument is valid.", "valid"),
    ("Valid or invalid?", None),
    ("It might be valid or invalid.", None),
    ("I cannot determine whether it is valid.", None),
    ("The argument lacks validity.", "invalid"),
    ("Thus, it is logically valid.", "valid"),
    ("At first it looks valid, but it is invalid.", "invalid"),
    ("It seems invalid at first. However, it is valid.", "valid"),
    ("The argument fails to be valid.", "invalid"),
    ("The answer is valid. Wait, no: invalid. Final answer: invalid", "invalid"),
    ("The first step is valid, the second is valid, but the conclusion is not. The argument is invalid.", "invalid"),
    ("The argument is valid: if someone is a friend of A, then they are not a friend of B.", "valid"),
    ("论证无效", "invalid"),
    ("有效", "valid"),
    ("The argument is neither valid nor sound.", "invalid"),
    ("The argument is unsound and invalid.", "invalid"),
    ("The argument is valid if all premises hold, and they do. So: valid.", "valid"),
    ("Valid. 3 premises are used.", "valid"),
    (
        "I need to check: is the argument valid or invalid?\n\nPremise 1: every A is a B.\nPremise 2: no B is a C.\n\nThe argument is **deductively valid**.",
        "valid",
    ),
    ("The argument is **not** deductively valid.", "invalid"),
    ("Based on the premises, the conclusion necessarily follows, making the argument valid.", "valid"),
    ("The argument commits the fallacy of affirming the consequent, so it's invalid.", "invalid"),
    ("Because the premises don't guarantee the conclusion, the reasoning is invalid.", "invalid"),
    ("This argument would be valid if 'every' replaced 'some'. As it stands, it is invalid.", "invalid"),
    ("deductively-valid", "valid"),
    ("The conclusion is not validly derived.", "invalid"),
    ("It is not the case that the argument is valid.", "invalid"),
    ("I don't think the argument is valid.", "invalid"),
]


COUNTS = [
    ("You have 7 fruits.", "7"),
    ("seven", "7"),
    ("I count: 1 apple, 2 pears, 3 plums. Total: 6.", "6"),
    ("There are 2 apples and 3 pears, so you have 5 fruits.", "5"),
    ("2 + 3 + 1 = 6", "6"),
    ("Let me count:\n1. A fridge\n2. A chair\n3. A lamp\n\nSo you have **3 objects**.", "3"),
    ("You have eleven musical instruments.", "11"),
    ("- 1 trombone\n- 2 flutes\n- 1 drum\n\n**Total: 4 musical instruments**", "4"),
    ("| item | count |\n|---|---|\n| cat | 1 |\n| dog | 2 |\n| **Total** | **3** |", "3"),
    ("Adding them up: 1 + 1 + 3 + 2 = 7. You have 7 vegetables.", "7"),
    ("The total number is twelve.", "12"),
    ("You have a total of 9 animals: 2 cats, 3 dogs, and 4 mice.", "9"),
    ("Final answer: 14 fruits", "14"),
    ("\\boxed{8}", "8"),
    ("\\[\\boxed{8 \\text{ objects}}\\]", "8"),
    ("<answer>8</answer>", "8"),
    ("8 or 9", None),
    ("at least 8", None),
    ("Answer: 10\n\nExplanation: 4 cows, 5 pigs, 1 hen.", "10"),
    ("You have 5 vegetables.\n\nThese are: a yam, 2 carrots, and 2 onions.", "5"),
    ("two", "2"),
    ("Ten.", "10"),
    ("You have one trumpet, two flutes and a drum. So that's four in total.", "4"),
    ("There are 15 in all.", "15"),
    ("答案是十二。", "12"),
    ("一共有七个水果。", "7"),
    ("The answer is five objects.", "5"),
    ("Fruits: 3 apples, 2 pears → 5", "5"),
    ("I count 6 instruments (2 violins, 3 flutes and 1 drum).", "6"),
    ("Let's count the fruits:\n\n- 2 bananas\n- 1 apple\n- 4 plums\n\n2 + 1 + 4 = **7** fruits", "7"),
    ("You have six animals in total.", "6"),
    ("The answer is seven (7).", "7"),
    ("I have counted them: three.", "3"),
    ("A trumpet, a flute, and a drum make 3 instruments.", "3"),
    ("There are 12 vegetables: 3 onions, 4 carrots and 5 leeks.", "12"),
    ("You have twelve (12) objects.", "12"),
    ("Counting each item: fridge (1), chair (2), lamp (3), stove (4). Total = 4", "4"),
    ("So, there are four pieces of furniture.", "4"),
    ("In total, you have 11 items.", "11"),
    ("1 fridge, 2 chairs", None),
    ("The count is 9", "9"),
    ("You own 1 cow, 1 pig, 1 hen, so you own 3 animals.", "3"),
]


@pytest.mark.parametrize(("text", "found"), [*YES_NO, *VALIDITY, *COUNTS])
def test_an_answer_is_read_as_a_careful_person_reads_it(text: str, found: str | None) -> None:
    assert extract(text, ["short_answer"]).value == found


@pytest.mark.parametrize(("text", "found"), VALIDITY)
def test_what_says_valid_or_invalid_is_read_alike_where_only_that_is_wanted(text: str, found: str | None) -> None:
    assert extract(text, ["valid_invalid"]).value == found
