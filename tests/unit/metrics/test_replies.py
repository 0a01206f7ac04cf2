"""Claims about finding answers: each reply beside the option that it names, or UNPARSED.

`replies.tsv` holds 200 more, as models write them where options are lettered.
"""

import csv
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.metrics import FoundAnswer, find_answer, judge_answer, same_answer
from tests.support.paths import ROOT

UNPARSED = None
ANIMALS = ("dog", "cat", "red ball", "kite")
COUNTS = ("2", "3", "4")
CHINESE = ("狗", "猫", "红球", "风筝")
PORTUGUESE = ("o cão", "o gato", "a bola", "a pipa")
ARABIC = ("كلب", "قطة", "كرة", "طائرة")
TURKISH = ("köpek", "kedi", "İnce top", "uçurtma")
RUSSIAN = ("собака", "кошка", "мяч", "змей")

# (reply, options, option): the option's number from 0. Options were numbered from 0.
CASES = [
    # Numbers, as the bundled models answer.
    ("1", ANIMALS, 1),
    (" (1) ", ANIMALS, 1),
    ("option 1", ANIMALS, 1),
    ("1. cat", ANIMALS, 1),
    ("１．", ANIMALS, 1),
    ("١", ANIMALS, 1),
    ("7", ANIMALS, UNPARSED),
    ("1. dog", ANIMALS, UNPARSED),
    ("1 cat", ANIMALS, UNPARSED),
    ("0 1", ANIMALS, UNPARSED),
    ("0, 1", ANIMALS, UNPARSED),
    ("1.5", ANIMALS, UNPARSED),
    ("The answer is 3.", ANIMALS, 3),
    ("1. First, I look at the picture.\n2. Then I decide.", ANIMALS, UNPARSED),
    # Letters.
    ("B", ANIMALS, 1),
    ("b", ANIMALS, 1),
    ("(b)", ANIMALS, 1),
    ("[B]", ANIMALS, 1),
    ("B.", ANIMALS, 1),
    ("**B**", ANIMALS, 1),
    ("`B`", ANIMALS, 1),
    ("Ｂ。", ANIMALS, 1),
    ("B\u200b", ANIMALS, 1),
    ("E", ANIMALS, UNPARSED),
    ("B. cat", ANIMALS, 1),
    ("B. the cat", ANIMALS, 1),
    ("B.cat", ANIMALS, 1),
    ("B) cat", ANIMALS, 1),
    ("B: Cat!", ANIMALS, 1),
    ("B cat", ANIMALS, 1),
    ("B. It has whiskers.", ANIMALS, 1),
    ("B because it has whiskers", ANIMALS, 1),
    ("A because it barks", ANIMALS, 0),
    ("B\n\nThe animal has whiskers.", ANIMALS, 1),
    ("It has whiskers and purrs.\n\nB", ANIMALS, 1),
    ("B. dog", ANIMALS, UNPARSED),
    # The article, abbreviations, words that look like a letter.
    ("A cat sits on a mat.", ANIMALS, UNPARSED),
    ("A dog", ANIMALS, UNPARSED),
    ("a kite", ANIMALS, UNPARSED),
    ("Answer: a cat", ANIMALS, 1),
    ("The answer is a cat.", ANIMALS, 1),
    ("The answer is a creature that purrs.", ANIMALS, UNPARSED),
    ("D.C. is the capital.", ANIMALS, UNPARSED),
    ("C'est un chat.", ANIMALS, UNPARSED),
    ("B-52 bombers", ANIMALS, UNPARSED),
    # Two letters.
    ("A or B", ANIMALS, UNPARSED),
    ("A and C", ANIMALS, UNPARSED),
    ("B/C", ANIMALS, UNPARSED),
    ("(A), (B)", ANIMALS, UNPARSED),
    ("A. dog\nB. cat\nC. red ball\nD. kite", ANIMALS, UNPARSED),
    ("A. dog B. cat C. red ball", ANIMALS, UNPARSED),
    ("The answer is A. No, the answer is B.", ANIMALS, UNPARSED),
    ("The answer is either A or B.", ANIMALS, UNPARSED),
    ("Option A shows a dog, option B a cat.", ANIMALS, UNPARSED),
    # Statements.
    ("The correct answer is (B).", ANIMALS, 1),
    ("Answer: **D**", ANIMALS, 3),
    ("**Answer:** D", ANIMALS, 3),
    ("### Answer\nAnswer: D. kite", ANIMALS, 3),
    ("Final answer: option C", ANIMALS, 2),
    ("The best option is C, the red ball.", ANIMALS, 2),
    ("I would choose B.", ANIMALS, 1),
    ("B is the correct answer.", ANIMALS, 1),
    ("Option A is wrong. Option B is correct.", ANIMALS, 1),
    ("A. dog\nB. cat\nC. red ball\nD. kite\n\nThe answer is C.", ANIMALS, 2),
    ("It could be A. The answer is A? Final answer: B", ANIMALS, 1),
    ("The answer is A, so far. \\boxed{C}", ANIMALS, 2),
    ("The correct answer is: red ball", ANIMALS, 2),
    ("The answer is not A.", ANIMALS, UNPARSED),
    ("The answer is not the cat.", ANIMALS, UNPARSED),
    ("I don't think that it is (A).", ANIMALS, UNPARSED),
    ("A is incorrect.", ANIMALS, UNPARSED),
    ("The picture is too dark, I cannot tell.", ANIMALS, UNPARSED),
    ("I cannot answer.", ANIMALS, UNPARSED),
    ("", ANIMALS, UNPARSED),
    ("It looks like option B", ANIMALS, 1),
    ("It shows whiskers (B).", ANIMALS, 1),
    ("It must be B.", ANIMALS, 1),
    ("It has a lot of vitamin C.", ANIMALS, UNPARSED),
    ("If the answer is A, it has to bark.", ANIMALS, UNPARSED),
    ("I can't say that the answer is A.", ANIMALS, UNPARSED),
    ('{"answer": "B"}', ANIMALS, 1),
    # Boxes.
    (r"\boxed{C}", ANIMALS, 2),
    (r"Thus $\boxed{\text{C}}$.", ANIMALS, 2),
    (r"\boxed{(C) red ball}", ANIMALS, 2),
    (r"\boxed{cat}", ANIMALS, 1),
    (r"\boxed{A} \boxed{B}", ANIMALS, UNPARSED),
    # Texts.
    ("cat", ANIMALS, 1),
    ("Cat.", ANIMALS, 1),
    ('"Cat"', ANIMALS, 1),
    ("**red  ball**", ANIMALS, 2),
    ("ball", ANIMALS, UNPARSED),
    ("cats", ANIMALS, UNPARSED),
    ("dog, cat", ANIMALS, UNPARSED),
    ("The animal is a cat.", ANIMALS, 1),
    ("It is not a cat.", ANIMALS, UNPARSED),
    ("The cat is next to the dog.", ANIMALS, UNPARSED),
    ("Yes, it is.", ("no", "yes"), 1),
    ("No idea.", ("no", "yes"), UNPARSED),
    ("The answer is yes, as no one is there.", ("no", "yes"), 1),
    ("$10", ("$5", "$10", "10%"), 1),
    ("10", ("$5", "$10", "10%"), UNPARSED),
    ("The answer is red ball.", ("red", "red ball"), 1),
    ("The answer is red.", ("red", "red ball"), 0),
    # Thinking and sections.
    ("<think>A? No, B: it barks.</think>C", ANIMALS, 2),
    ("The answer is A, hm.</think>\n\nB", ANIMALS, 1),
    ("<think>It may be A or", ANIMALS, UNPARSED),
    ("<think>It is B.\n<ANSWER>B<ANSWER_END>", ANIMALS, 1),
    ("◁think▷A◁/think▷The answer is B", ANIMALS, 1),
    ("<think>A</think><answer>B</answer>", ANIMALS, 1),
    ("<ANSWER>B<ANSWER_END>", ANIMALS, 1),
    ("<ANSWER>A<ANSWER_END> or rather <ANSWER>1<ANSWER_END>", ANIMALS, 1),
    ("<ANSWER>B</ANSWER>", ANIMALS, 1),
    ("The answer is A. <ANSWER>B<ANSWER_END> A it is.", ANIMALS, 1),
    ("<REASONING>A dog (A) or a kite (D)?<REASONING_END><ANSWER>1<ANSWER_END>", ANIMALS, 1),
    ("<REASONING>The answer is A.<REASONING_END>", ANIMALS, UNPARSED),
    ("<TYPE>none<TYPE_END><CONCLUSION>So the answer is B.<CONCLUSION_END>", ANIMALS, 1),
    ("<TYPE>none<TYPE_END><CONCLUSION>cat<CONCLUSION_END>", ANIMALS, UNPARSED),
    ("<ANSWER>unknown<ANSWER_END>The answer is B", ANIMALS, UNPARSED),
    # Numbers as options: a number that was an option's label is read as one.
    ("2", COUNTS, 2),
    ("2. 4", COUNTS, 2),
    ("0. 2", COUNTS, 0),
    ("2. 2", COUNTS, UNPARSED),
    ("4", COUNTS, 2),
    ("three", COUNTS, 1),
    ("Three.", COUNTS, 1),
    ("The answer is three.", COUNTS, 1),
    ("三", COUNTS, 1),
    ("três", COUNTS, 1),
    ("ثلاثة", COUNTS, 1),
    ("üç", COUNTS, 1),
    ("три", COUNTS, 1),
    ("five", COUNTS, UNPARSED),
    ("4", ("one", "four"), 1),
    # Letters as options come before letters as labels, which numbered options do not have.
    ("A", ("B", "A"), 1),
    ("The answer is A", ("B", "A"), 1),
    # Chinese.
    ("答案是B", CHINESE, 1),
    ("答案是B。", CHINESE, 1),
    ("答案：B", CHINESE, 1),
    ("正确答案为（B）。", CHINESE, 1),
    ("因此选B", CHINESE, 1),
    ("我选择B选项。", CHINESE, 1),
    ("选项B正确。", CHINESE, 1),
    ("Ｂ．猫", CHINESE, 1),
    ("猫。", CHINESE, 1),
    ("答案是猫。", CHINESE, 1),
    ("答案不是B", CHINESE, UNPARSED),
    ("不选B", CHINESE, UNPARSED),
    ("A和B", CHINESE, UNPARSED),
    # Portuguese, where A is an article too.
    ("A resposta correta é a letra B.", PORTUGUESE, 1),
    ("A resposta é (B).", PORTUGUESE, 1),
    ("Resposta: B) o gato", PORTUGUESE, 1),
    ("A alternativa correta é B", PORTUGUESE, 1),
    ("Letra B", PORTUGUESE, 1),
    ("A resposta correta é o gato.", PORTUGUESE, 1),
    ("a pipa", PORTUGUESE, 3),
    ("A imagem mostra um gato.", PORTUGUESE, UNPARSED),
    ("A resposta não é B.", PORTUGUESE, UNPARSED),
    ("B ou C", PORTUGUESE, UNPARSED),
    # Arabic, with letters of both scripts.
    ("الإجابة الصحيحة هي (B).", ARABIC, 1),
    ("الإجابة: ب", ARABIC, 1),
    ("ب", ARABIC, 1),
    ("أ", ARABIC, 0),
    ("(ج)", ARABIC, 2),
    ("د. طائرة", ARABIC, 3),
    ("الجواب هو ب", ARABIC, 1),
    ("الخيار ب", ARABIC, 1),
    ("\u200fقطة۔", ARABIC, 1),
    ("أ أو ب", ARABIC, UNPARSED),
    ("ليست الإجابة أ", ARABIC, UNPARSED),
    # Turkish.
    ("Doğru cevap B'dir.", TURKISH, 1),
    ("Cevap: B", TURKISH, 1),
    ("Yanıt B şıkkıdır.", TURKISH, 1),
    ("B seçeneği doğrudur.", TURKISH, 1),
    ("Doğru cevap: kedi", TURKISH, 1),
    ("INCE TOP", TURKISH, 2),
    ("ince top", TURKISH, 2),
    ("Cevap B değil.", TURKISH, UNPARSED),
    ("A veya B", TURKISH, UNPARSED),
    # Russian: letters that look like Latin ones are read as these, the others name nothing.
    ("Правильный ответ — B.", RUSSIAN, 1),
    ("Ответ: В", RUSSIAN, 1),
    ("А", RUSSIAN, 0),
    ("С) мяч", RUSSIAN, 2),
    ("Б", RUSSIAN, UNPARSED),
    ("Г", RUSSIAN, UNPARSED),
    ("в", RUSSIAN, UNPARSED),
    ("Г. змей", RUSSIAN, UNPARSED),
    ("Правильный вариант ответа: C", RUSSIAN, 2),
    ("Я выбираю B", RUSSIAN, 1),
    ("Кошка", RUSSIAN, 1),
    ("А собака на картинке спит.", RUSSIAN, UNPARSED),
    ("Ответ не B.", RUSSIAN, UNPARSED),
    ("A или B", RUSSIAN, UNPARSED),
]


@pytest.mark.parametrize(("reply", "options", "option"), CASES)
def test_a_reply_names_an_option_or_nothing(reply, options, option):
    found = find_answer(reply, options)
    assert found.option == option
    assert found.unparsed is (option is UNPARSED)


@pytest.mark.parametrize(
    ("reply", "options", "option"),
    [
        ("2", COUNTS, 0),
        ("The answer is 2.", COUNTS, 0),
        ("0", COUNTS, UNPARSED),
        ("C", COUNTS, 2),
        ("C. 4", COUNTS, 2),
        ("C. 2", COUNTS, UNPARSED),
        ("A", ("B", "A"), 0),
        ("1", ANIMALS, UNPARSED),
    ],
)
def test_where_options_were_lettered_a_number_is_a_text(reply, options, option):
    assert find_answer(reply, options, numbered=False).option == option


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("red", "red"),
        ("<think>blue?</think> red ", "red"),
        ("<ANSWER> red <ANSWER_END>", "red"),
        ("The answer is red. It shines.", "red"),
        ("The color is plain to see.\n**Answer:** dark red", "dark red"),
        ("Resposta: vermelho", "vermelho"),
        (r"So \boxed{3.5}.", "3.5"),
        ("The answer is 3.5.", "3.5"),
        ("A red car.", "A red car."),
        ("<REASONING>red<REASONING_END>", ""),
        ("<think>red", ""),
    ],
)
def test_the_answer_to_an_open_question_is_what_is_stated_or_all_that_is_said(reply, text):
    assert find_answer(reply) == FoundAnswer(text, None, not text)


def test_no_answer_and_a_wrong_one_are_told_apart():
    wrong, silent = judge_answer("B", "dog", ANIMALS), judge_answer("A or B", "dog", ANIMALS)
    assert (wrong.accuracy, wrong.unparsed) == (0, False)
    assert (silent.accuracy, silent.unparsed) == (0, True)
    assert not judge_answer("A or B", "", ANIMALS).unparsed, "there is nothing to be right about"


def test_options_of_one_text_are_one_option():
    assert find_answer("A or the answer is C", ("cat", "dog", "Cat.")).option in (0, 2)
    assert judge_answer("The answer is C", "0", ("cat", "dog", "Cat.")).accuracy == 1


def test_two_replies_are_the_same_answer_by_the_option_they_name():
    assert same_answer("2", "The answer is (C).", ("2", "3", "4"))
    assert not same_answer("2", "0", ("2", "3", "4"))
    assert same_answer("no idea", "No idea.", ANIMALS)
    assert not same_answer("no idea", "cat", ANIMALS)
    assert not same_answer("no idea", "who knows", ANIMALS)


PHRASES = ["A", "b", " or ", "(", ")", "the answer is ", "cat", ". ", "\\boxed{", "}", "<think>"]
PHRASES += ["</think>", "<ANSWER>", "<ANSWER_END>", "答案是", "ответ ", "1", "not ", "\n", "**"]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PHRASES)).map("".join)))
def test_whatever_a_model_writes_is_read(reply):
    found = find_answer(reply, ANIMALS)
    assert found.unparsed is (found.option is None)
    assert find_answer(reply).option is None


@pytest.mark.parametrize(
    "piece",
    ["A", "(", "<", "answer: ", "<think>", "\\boxed{", "<CONCLUSION>", "<answer>", "most ", "B. "]
    + ["The answer is A. ", "\n", "option ", "(B) ", "\\text{", "الإجابة ", "A or "],
)
def test_a_megabyte_is_read_in_moments(piece):
    start = time.process_time()
    find_answer(piece * (10**6 // len(piece)), ANIMALS)
    assert time.process_time() - start < 10, "quadratic reading would take minutes"


def corpus():
    """Return (language, style, reply, options, option) of the replies in the file."""
    path = ROOT / "tests/unit/metrics/replies.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        (row["language"], row["style"], row["reply"].replace("\\n", "\n"),
         tuple(row["options"].split(" | ")),
         None if row["expected"] == "unparsed" else "ABCDE".index(row["expected"]))
        for row in rows
    ]  # fmt: skip


def test_every_reply_of_the_corpus_is_read_as_it_says():
    wrong = [
        f"{reply!r}: {found.option}, not {option}"
        for _, _, reply, options, option in corpus()
        if (found := find_answer(reply, options, numbered=False)).option != option
    ]
    assert not wrong, "\n".join(wrong)


def test_the_corpus_has_200_replies_of_every_language_and_of_no_answer():
    replies = corpus()
    assert len(replies) == len({reply for _, _, reply, _, _ in replies}) == 200
    by_language = [language for language, *_ in replies]
    assert set(by_language) == {"en", "cn", "pt", "ar", "tr", "ru"}
    assert all(by_language.count(language) >= 20 for language in set(by_language))
    assert 40 <= sum(option is None for *_, option in replies) <= 100
