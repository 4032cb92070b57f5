"""Responses in the manner of many models, by kind: what they choose (None: nothing). All of them are invented."""

SOUNDS = ("Rain", "Applause", "Thunder", "Waves")
FEELINGS = ("angry", "sad", "joyful", "afraid")
ROLES = ("barista-customer", "teacher-student", "lawyer-client", "nurse-patient")
MORE = ("The first is louder", "The second is louder", "They are equal")
COUNTS = ("one", "two", "three", "four")
TENSES = ("A dog barking", "A train passing", "A baby crying", "A phone ringing")
GENRES = ("Jazz", "Blues rock", "Rock", "Techno")
MOOD_PAIRS = ("Calm and peaceful", "Tense and dark", "Joyful and lively", "Slow and sad")
NOT_HEARD = "Which of these sounds can NOT be heard in the clip?"
TEMPI = ("Slow", "Moderate", "Fast")
CHORDS = ("A:min/1", "D#:maj/1", "F:7/1", "G:maj6/1")
ERRANDS = ("To fix the boiler", "To return a book", "To borrow a ladder")
YES_NO = ("Yes", "No")
TEN = ("2 m/s", "4 m/s", "6 m/s", "8 m/s", "10 m/s", "12 m/s", "14 m/s", "16 m/s", "18 m/s", "20 m/s")

KINDS = (
    # channels of any name, closed or not
    (SOUNDS, "<Analysis>Drops on a roof.</Analysis><Verdict>A</Verdict>", "A"),
    (SOUNDS, "<Thoughts>It rumbles.</Thoughts>\n<Final>\nC", "C"),
    (SOUNDS, "<Reasoning>A, B and D do not rumble.</Reasoning>\n<D>\nC\n</D>", "C"),
    (SOUNDS, "<Reasoning>Clapping hands.</Reasoning>\n<B>", "B"),
    (SOUNDS, "<Reasoning>Surf on a beach.</Reasoning>\n<D D>", "D"),
    (SOUNDS, "Option A describes rain, option D the sea.</Reasoning>B", "B"),
    (SOUNDS, "<Reasoning>Nothing fits.</Reasoning><Conclusion>N</Conclusion>", None),
    (SOUNDS, '{"reasoning": "it rumbles, unlike rain", "final_choice": "C"}', "C"),
    (SOUNDS, "### Final answer\n\n**D. Waves**", "D"),
    (SOUNDS, "Option A is too soft, option C too short.\n\nB", "B"),
    (TEN, "v = $\\boxed{9\\text{ m/s}}$, which is nearest to 8. The answer is (D).", "D"),
    (TEN, "The final answer is $\\boxed{G}$", "G"),
    # an explanation behind the answer
    (SOUNDS, "The correct answer is C. Rain would be steadier, and waves come and go.", "C"),
    (SOUNDS, "**Thunder** is the best choice. Applause would be brighter.", "C"),
    (SOUNDS, "B) Applause\n\nThe rain in the background is faint.", "B"),
    (SOUNDS, "Rain. Thunder would rumble.", "A"),
    # going through the options
    (
        SOUNDS,
        "Looking at each option:\n- A: there is no water.\n- B: nobody claps.\n- C: a deep roll, as heard.\n\nThe answer is C.",
        "C",
    ),
    (SOUNDS, "Let's evaluate every choice: (A) Rain is soft. (B) Applause is bright. (C) Thunder is", None),
    (
        SOUNDS,
        "**A. Rain** - incorrect, it is dry.\n**B. Applause** - correct, many hands.\n**C. Thunder** - incorrect.",
        "B",
    ),
    (SOUNDS, "| Option | Fits |\n|---|---|\n| A | ✗ |\n| B | ✗ |\n| C | ✓ |\n| D | ✗ |", "C"),
    (SOUNDS, "(A) is too soft. So it is thunder.", "C"),
    (SOUNDS, "It can't be A, and D is out as well. That leaves B.", "B"),
    (SOUNDS, "Option A mentions water. Option B mentions hands.", None),
    # denials that do not reach the answer, and negative questions
    (SOUNDS, "Given the absence of any rhythm, the sound is best described as: (A) Rain", "A"),
    (SOUNDS, "Since there is no rumble, the answer is D.", "D"),
    (SOUNDS, "Compared to a waterfall, this is softer, so it must be rain.", "A"),
    (SOUNDS, 'The speaker shouts "I don\'t care" over what is clearly thunder.', "C"),
    (SOUNDS, "The sound that cannot be heard is applause.", "B"),
    (SOUNDS, 'The one that does not fit is "Waves".', "D"),
    # refusal words that are an option's
    (("Apology", "Threat", "Joke"), "The line \"I'm sorry, I can't come\" is an apology.", "A"),
    (("It is unclear", "It is a duet", "It is a solo"), "It is unclear", "A"),
    (SOUNDS, "I'm sorry, I can't hear the clip. It could be rain.", None),
    (SOUNDS, "None of the options match what I hear, which is a drill.", None),
    # capitals that are no labels
    (SOUNDS, "The piece moves from D to A over four bars.", None),
    (SOUNDS, "She got a B in music.", None),
    (SOUNDS, "The singer is Mel B.", None),
    # the option in other words
    (FEELINGS, "The voice carries a good deal of anger.", "A"),
    (FEELINGS, "It sounds full of joy.", "C"),
    (FEELINGS, "There is sadness in her voice.", "B"),
    (ROLES, "They are a nurse and her patient.", "D"),
    (ROLES, "A teacher and a student are talking.", "B"),
    (MORE, "They're equal.", "C"),
    (MORE, "The second one is louder.", "B"),
    (COUNTS, "The bell rings twice.", "B"),
    (COUNTS, "It is heard three times.", "C"),
    (COUNTS, "The word appears once.", "A"),
    (TENSES, "At the end a baby cries.", "C"),
    (TENSES, "A phone rings in the next room.", "D"),
    (TENSES, "A baby cries or a phone rings.", None),
    (GENRES, "This is blues-rock.", "B"),
    (GENRES, "Jazz or techno", None),
    (MOOD_PAIRS, "Calm, peaceful", "A"),
    (MOOD_PAIRS, "Joyful & lively", "C"),
    (MOOD_PAIRS, "The mood is dark and tense.", "B"),
    (("Vacuum cleaner", "Lawnmower"), "It is a lawn mower.", "B"),
    (SOUNDS, "The second option is correct.", "B"),
    # two options with one text
    (("four", "six", "four"), "There are four bells.", "A"),
    # quotes, full width, other languages
    (SOUNDS, "My answer is 'C'.", "C"),
    (SOUNDS, "答案：Ｂ", "B"),
    (SOUNDS, "C是正确的。", "C"),
    (SOUNDS, "所以应该选D。", "D"),
    (SOUNDS, "正解はBです。", "B"),
    (SOUNDS, "정답은 D입니다.", "D"),
    (SOUNDS, "Die richtige Antwort ist B.", "B"),
    (SOUNDS, "La respuesta correcta es C.", "C"),
    (SOUNDS, "La bonne réponse est D.", "D"),
    # the last word counts
    (SOUNDS, "A... no, D.", "D"),
    (SOUNDS, "The answer is A. Wait, the clip goes on; it is waves after all. The answer is D.", "D"),
    (SOUNDS, "Answer: B\nOn reflection that was hasty.\nAnswer: C", "C"),
    (TEN, "Thus the answer is (B) for the first car, and (E) for the second.", None),
    # values, lists of letters, and matrices are none of the options
    (TEN, "The answer is C, E, F.", None),
    (TEN, "v = $\\boxed{9\\text{ m/s}}$. The answer is 9", None),
    (TEN, "[A] / 508 = [B]\n\n[B] = 2.04", None),
    (TEN, "The answer is (B).\nThe answer is (C).\nThe answer is (D).\nThe answer is (B).", None),
    (TEN, "(a) The car starts at 4 m/s. The correct answer is not provided in the options.", None),
    # pieces of an option in a place made for the answer
    (("Marta Okafor", "Jonas Lindqvist"), "<Reasoning>A deep voice.</Reasoning>\n<B>Lindqvist</B>", "B"),
    (("Marta Okafor", "Jonas Lindqvist"), "<Reasoning>A deep voice.</Reasoning>\n<A>nobody</A>", None),
    (FEELINGS, "<Reasoning>It is flat, not sad.</Reasoning>\n<C>bored</C>", None),
    (TEN, "The answer is $\\boxed{2 \\times 3 = \\text{C}}$.", "C"),
    (SOUNDS, "The answer's C!", "C"),
    (SOUNDS, "It's D, I'm sure.", "D"),
    (SOUNDS, "I'm unsure, but I would lean towards (B).", "B"),
    (SOUNDS, "A. Rain? No, it rolls too much.", None),
    (SOUNDS, "I'd say it is A. Actually, on a second listen the drops roll, so C is better.", "C"),
    (FEELINGS, "Although the pace is sad in places, the speaker is joyful.", "C"),
    (FEELINGS, "The first voice is sad and the second is angry.", None),
    # another turn that the model made up; an answer for each case
    (SOUNDS, "C\nHuman: What is the passage about?\nIt is rain.", "C"),
    (SOUNDS, "I can't tell. But if\nHuman: You can.\nSo the answer is B.", "B"),
    (FEELINGS, 'Given the options, the correct answer is "sad" for the man and "angry" for the woman.', None),
    # a label and its option in quotes
    (TENSES, 'The answer is "B. A train passing".', "B"),
    (TENSES, "I choose '(C) A baby crying'.", "C"),
    (TENSES, 'It is "D: A phone ringing", as it stops when somebody speaks.', "D"),
    (TENSES, '"B. A train passing"', "B"),
    (TENSES, "The answer is (B). However, (C) could also be argued.", "B"),
    (TEN, "The answer is 14", "G"),
    (TEN, "The answer is 14 + 1", None),
    (FEELINGS, "There is no trace of joy; if anything, the speaker sounds sad.", "B"),
    (TEN, "The answer is (B).\n\nQuestion: How far is it?\nAnswer: (D)", "B"),
    (("Music", "Bird song"), "Music or bird song", None),
    # a wider word
    (("Female", "Male"), "The speaker appears to be a man.", "B"),
    (("Female", "Male"), "The first voice is a man's and the second a woman's.", None),
    (TEMPI, "The tempo is slow to moderate.", None),
    (TEN, "All of them are out but one, leaving F as the only viable choice.", "F"),
    # first thoughts, lists and texts that break off
    (FEELINGS, "It could pass for sad at first. However, the lack of any tremor points to an angry speaker.", "A"),
    (SOUNDS, "(A) is too soft. (B) is plausible. (C) is too short. (D) is", None),
    (TEN, "(I) The speed after two seconds follows from v = at, and the braking time from", None),
    (TEN, "The values that can occur are:\nC. 6 m/s\nF. 12 m/s\n", None),
    (TEN, "The closest answer is 4 m/s, but this is not among the choices. The closest answer is", None),
    (SOUNDS, "The sounds of this storm are:\n\n1. Thunder is heard.\n\n2.", None),
    # what is said about the others
    (SOUNDS, "It is thunder, as it rolls. The other options do not match the clip.", "C"),
    (TENSES, "A baby crying is heard, as a mother hums, which is not common in a train.", "C"),
    (TEN, "It is faster than the first car, or answer (G).", "G"),
    (SOUNDS, "Options A to C are out. D is the only one left.", "D"),
    (SOUNDS, "The odd one out is C.", "C"),
    (("2/4", "3/4", "6/8"), "The most likely meter for this waltz would be 3/4. It has three beats in each bar.", "B"),
    (COUNTS, "There are four voices: two men, one woman and one child.", "D"),
    (CHORDS, "The chord is D# major.", "B"),
    (CHORDS, "The chord is B minor.", None),
    (ERRANDS, "He came by, returning a book that he had borrowed.", "B"),
    # the manner of text models
    (TEN, "Let's think step by step. v = 3 * 4 = 12. The answer is (F).", "F"),
    (TEN, "So the speed is about 9 m/s, which is closest to option (D). The answer is (D)", "D"),
    (TEN, "The best answer is J.", "J"),
    (TEN, "Therefore, the speed is **14 m/s**.\n\nFinal Answer: **(G)**", "G"),
    (TEN, "We have v = at, and t is the time, so the distance is s = 0.5", None),
)

KINDS += (
    # an interjection in front, and yes and no in other words
    (YES_NO, "Well, no, I don't think so.", "B"),
    (YES_NO, "Yeah, that's right.", "A"),
    (YES_NO, "Hmm... nope.", "B"),
    (SOUNDS, "Oh, thunder!", "C"),
    (SOUNDS, "Certainly! A", "A"),
    (SOUNDS, "It rolls for a while. C.", "C"),
    (SOUNDS, "I cannot hear it. C.", None),
    # more languages
    (SOUNDS, "Das Rollen ist tief, also ist die Antwort C.", "C"),
    (SOUNDS, "Ich würde A wählen.", "A"),
    (SOUNDS, "Je choisis D.", "D"),
    (SOUNDS, "La opción correcta es la A.", "A"),
    (SOUNDS, "A resposta certa é B.", "B"),
    (SOUNDS, "La risposta giusta è C.", "C"),
    (SOUNDS, "La bonne réponse est donc B.", "B"),
    (SOUNDS, "Ich denke, es ist B.", "B"),
    (SOUNDS, "Правильный ответ — C.", "C"),
    (SOUNDS, "الإجابة الصحيحة هي D", "D"),
    (SOUNDS, "Câu trả lời đúng là D.", "D"),
    (SOUNDS, "Jawabannya adalah A.", "A"),
    (SOUNDS, "Âm thanh rất to.", None),
    (SOUNDS, "B é a resposta correta.", "B"),
    (SOUNDS, "C n'est pas la bonne réponse.", None),
    # what cannot be excluded, shares, places in the list
    (SOUNDS, "Option C seems the most plausible, although D cannot be fully excluded.", "C"),
    (SOUNDS, "The roll tips it towards C.", "C"),
    (SOUNDS, "Everything points to option B.", "B"),
    (SOUNDS, "A: 10%, B: 5%, C: 80%, D: 5%", None),
    (("10%", "33%", "50%"), "The closest answer is C. 50%.", "C"),
    (SOUNDS, "The answer is option number 3.", "C"),
    (SOUNDS, "Option 2", "B"),
    (SOUNDS, "Correct option - D", "D"),
    (SOUNDS, "I will go for letter B", "B"),
    # a quoted function word, and letters that sound alike
    (("said", "a", "twenty"), "The unstressed word is 'a'.", "B"),
    (("said", "a", "twenty"), "There is a word that is not stressed.", None),
    (("Accordion", "Saxophone"), "Accordian", "A"),
    (("Accordion", "Saxophone"), "Saxaphone", "B"),
    (("Hyperthermia", "Fever"), "Hypothermia", None),
    (SOUNDS, "Option A: 20%\nOption B: 20%\nOption C: 60%", None),
    (SOUNDS, "A: likely\nB: likely\nC: unlikely", None),
    (SOUNDS, "The arrow points to B on the map.", None),
    (SOUNDS, "是A还是B呢", None),
    (SOUNDS, "I lean against C.", None),
    (SOUNDS, "Je ne choisis pas D.", None),
    (("Happy", "Sad"), "Is she happy?", None),
    # a verdict in other words for each option
    (SOUNDS, "(A) Rain: not present.\n(B) Applause: not present.\n(C) Thunder: present.\n(D) Waves: not present.", "C"),
    (SOUNDS, "A: unlikely\nB: unlikely\nC: unlikely\nD: likely", "D"),
    # more ways to say it
    (SOUNDS, "It could be A or C, but I lean C.", "C"),
    (SOUNDS, "I think B, with about 70% confidence.", "B"),
    (SOUNDS, "I think B is wrong.", None),
    (SOUNDS, "Ans: (d)", "D"),
    (SOUNDS, "【C】", "C"),
    (SOUNDS, "【答案】D", "D"),
    (SOUNDS, "我觉得应该是D吧", "D"),
    (SOUNDS, "∴ C", "C"),
    (("Same", "Yes", "No"), "It is not him, so no.", "C"),
    (("Joy", "Anger", "Fear"), "The speaker is afraid.", "C"),
    (("男性", "女性"), "说话的人是女的。", "B"),
    (("高兴", "不高兴"), "我不清楚。", None),
    # of a calculation the last sentence counts where it states an option
    (
        TEN,
        "The car starts at rest and takes three seconds to the lamp. " * 3 + "So v = at with a of 4 is 12, or (F).",
        "F",
    ),
    (
        TEN,
        "The car starts at rest and takes three seconds to the lamp. " * 3 + "The time to 6 m/s at this rate is 4.",
        None,
    ),
    # numbers with their unit, and numbers of something else
    (("0.5 seconds", "3 seconds", "5 seconds"), "approximately 3s", "B"),
    (("60 bpm", "90 bpm", "120 bpm"), "Roughly 90bpm", "B"),
    (COUNTS, "There is only one bell.", "A"),
    (COUNTS, "It is the only one that rings.", None),
    (COUNTS, "It's the first of three takes.", None),
    (COUNTS, "This is the last of the four.", None),
    (COUNTS, "2 men and 1 woman, so 3 in total.", "C"),
    (COUNTS, "2 men and 1 woman", None),
    # a side, and a word between an option's words
    (("Left", "Right", "Front"), "The sound comes from the left side.", "A"),
    (("Left", "Right", "Front"), "That's right, it is coming from the left.", "A"),
    (("Left", "Right", "Front"), "The sound moves from left to right.", None),
    (("Set an alarm", "Play music"), "The intent is to play some music.", "B"),
    # the one that is left, and another option stated behind one
    (SOUNDS, "Options A, B and C can be eliminated. So the remaining option, D, is correct.", "D"),
    (SOUNDS, "Rain. It is thunder.", None),
    (SOUNDS, "B\nRain: too steady.\nApplause: fits.", "B"),
    # what stands in a formula or in a list that breaks off is no answer
    (TEN, "For the energy we have:\n\n$E = mgh$\n\nand so the speed", None),
    (TEN, "The answer is (A).\nThe answer is ...\nA. 2 m/s\nB. 4 m/s\nC. ", "A"),
    (TEN, "(I) is out as well.\n(J", None),
    (SOUNDS, "Answer: B\n\nRain, on the other hand, would be steadier.", "B"),
    # pictures and ticks beside the answer
    (SOUNDS, "B ✅", "B"),
    (SOUNDS, "✅ C", "C"),
    (SOUNDS, "🎵 Waves 🌊", "D"),
    (SOUNDS, "The answer is **B** 👏👏", "B"),
    (SOUNDS, "🌧️", None),
)

NEGATIVE = (
    (SOUNDS, "There is no applause.", "B"),
    (SOUNDS, "Waves are not heard.", "D"),
    (SOUNDS, "Thunder", "C"),
    (SOUNDS, "Rain, thunder and waves can be heard; applause cannot be heard.", "B"),
    (SOUNDS, "Thunder would be the least likely here.", "C"),
    (SOUNDS, "Therefore, the sound least likely to occur is **Waves**.", "D"),
)
"""Answers to `NOT_HEARD`."""
