"""How answers are announced, in the six languages of MMMB, and number words in them.

Written without case; `replies` reads what comes after them.
"""

import re
from collections.abc import Iterator

from robust_r1.metrics.spelling import fold

# Nouns for one option. With a label they name it ("option B"), but do not yet say that it is right.
_NOUN = (
    r"(?:option|choice|letter|选项|选择|op[çc][ãa]o|alternativa|letra|"
    r"(?:ال)?خيار|(?:ال)?حرف|se[çc]enek|[şs][ıi]k|вариант(?:ом)?(?: ответа)?|букв(?:а|ой)|пункт)"
)
_LINK = r"[:=>→\-–—]"
# What may stand between an announcement and the answer.
FILLER = re.compile(
    rf"(?:\s|[:=\"«“「『]|\b[ao] (?={_NOUN}|\(?(?-i:[A-Z])\)?(?:[.,;)]|$))|"
    r"[-–—→>]+(?=\s)|"
    r"(?:the|likely|probably|clearly|definitely|most likely|indeed|simply|either way|number|"
    rf"под|это|رقم|هو|هي|为|是|第|{_NOUN})(?!\w))*",
    re.IGNORECASE,
)

_ENGLISH = (
    r"\b(?:(?:final|correct|right|best|my|most \w+)\s+){0,3}(?:answer|ans)\b\"?"
    r"(?:\s+(?:to|for|of|here|choice|option|in)\b[^.:\n]{0,80}?)?"
    rf"\s*(?:\b(?:is|was|would be|should be|must be|will be)\b|{_LINK})+"
    r"|\b(?:(?:final|correct|right|best|my|most \w+)\s+){0,3}(?:option|choice)\s*(?:is|would be|:)"
    r"|\b(?:final|correct|right|best) (?:answer|option|choice)(?=\s*[(\"'*A-Z])"
    r"|\bans\.(?=\s*\(?(?-i:[A-Z])\b)"
    r"|\b(?:so|hence|thus|therefore),?(?=\s*\(?[A-Za-z]\)?[.!]?\s*\Z)"
    r"|\banswer(?=\s*\(?\s*(?-i:[B-Z])\b)"
    r"|\b(?:choose|pick|select|chose|picked|selected|go(?:ing)? with|went with|opt for)\b"
)
_CHINESE = (
    r"(?:最终|正确|最佳|标准|最合适)?的?(?:答案|选项)(?:应该|应当|应|就|可能|显然)?(?:选择|选|是|为|:)+"
    r"|(?<![不挑])(?<!不[能应该会可])(?:选择|选)(?:的?是|为)?(?=\s*[:(\"「“]?\s*[A-Za-z0-9])"
    r"|答案(?=\s*[(（]?\s*[A-Z])"
)
_PORTUGUESE = (
    r"\b(?:resposta|alternativa|op[çc][ãa]o|letra)(?:\s+(?:final|corret[ao]|correcta|cert[ao]|"
    rf"mais adequada))*\s*(?:é|seria|será|deve ser|{_LINK})+(?!\w)"
    r"|\b(?:escolho|escolheria|seleciono|marco)\b"
)
_ARABIC = (
    rf"(?:ال)?(?:[إا]جاب[ةه]|جواب)(?:\s+(?:ال)?(?:نهائي[ةه]?|صحيح[ةه]?|صائب[ةه]?|[أا]فضل))*"
    rf"\s*(?:هي|هو|تكون|يكون|ستكون|{_LINK})*(?!\w)"
    rf"|(?:ال)?(?:خيار|حرف)\s+(?:ال)?(?:صحيح|[أا]فضل|مناسب)\s*(?:هو|{_LINK})*(?!\w)"
    r"|(?<!\w)[أسا]?ختار(?!\w)"
)
_TURKISH = (
    r"\b(?:(?:do[ğg]ru|son|nihai|kesin)\s+){0,3}(?:cevap|cevab[ıi]m?|yan[ıi]t(?:[ıi]m)?)"
    rf"(?:\s+(?:[şs]udur|ise|olarak))*\s*{_LINK}*(?!\w)"
    rf"|\bdo[ğg]ru\s+(?:se[çc]enek|[şs][ıi]k)\s*{_LINK}*(?!\w)"
)
_RUSSIAN = (
    r"\b(?:(?:окончательн|итогов|правильн|верн)\w+\s+){0,3}ответ(?:ом)?(?:\s+на\s+вопрос)?"
    rf"\s*(?:является|будет|это|под буквой|{_LINK})*(?!\w)"
    rf"|\b(?:правильн|верн)\w+\s+вариант(?:ом)?(?: ответа)?\s*(?:является|это|{_LINK})*(?!\w)"
    r"|\b(?:выбираю|выбрал|выбрала|выберу)\b"
)
_LATIN = re.compile("|".join((_ENGLISH, _PORTUGUESE, _TURKISH)), re.IGNORECASE)
_ANY = re.compile("|".join((_LATIN.pattern, _CHINESE, _ARABIC, _RUSSIAN)), re.IGNORECASE)


def statements(text: str) -> Iterator[re.Match]:
    """Yield the announcements of an answer in a text: what comes after one is the answer."""
    # Most replies are ASCII, and a third of the expression does for them.
    return (_LATIN if text.isascii() else _ANY).finditer(text)


# A statement with one of these words is the last one, whatever was considered before it.
FINAL = re.compile(r"\bfinal|最终|نهائي|\bson\b|nihai|окончательн|итогов", re.IGNORECASE)

# "B is correct": the label comes before the words that say so.
_LABEL = r"(?<![\w'])\(?(?P<label>(?-i:[A-Z]|[АВСЕ]))\)?"
VERDICT = re.compile(
    rf"{_LABEL}\s+(?:is|seems|appears|looks|would be)\s+(?:to be\s+)?(?:the\s+)?"
    r"(?:most \w+|correct|right|best|true|answer)\b"
    rf"|{_LABEL.replace('label', 'chinese')}\s*(?:选项)?(?:是|为)?(?:正确|对的|最佳)"
    rf"|{_LABEL.replace('label', 'portuguese')}\s+(?:é|está)\s+(?:a\s+|o\s+)?(?:corret|cert)[ao]\b"
    rf"|{_LABEL.replace('label', 'turkish')}\s+(?:se[çc]ene[ğg]i|[şs][ıi]kk[ıi])?\s*do[ğg]ru"
    rf"|{_LABEL.replace('label', 'russian')}\s*(?:-|–|—|является)?\s*(?:правильн|верн)\w+",
    re.IGNORECASE,
)
# "option B": names an option, which is an answer where nothing else is named.
NAMED = re.compile(
    rf"(?<![^\W一-鿿]){_NOUN}\s*[:=]?\s*[(\[\"“]?"
    r"(?P<mark>(?:(?-i:[A-Z])|[0-9]{1,3}|[АВСЕ])(?![A-Za-z0-9а-яё])|"
    r"[a-z](?=\s*(?:[).,;:]|$))|[أاإآبجده](?!\w))",
    re.IGNORECASE,
)

# Right before a statement: it says what is not the answer.
DENIED_BEFORE = re.compile(
    r"(?:\b(?:not|isn't|never|wrong|incorrect)|\bn[ãa]o(?: é)?|\berrad[ao]|\bincorret[ao]|"
    r"\b(?:can't|cannot|can not|couldn't|wrong to|not) (?:say|tell|conclude|be sure)(?: that| if)?|"
    r"\b(?:if|whether|unless|suppose|assuming|se|если)|如果|若|إذا|"
    r"ليست?|غير|خاطئ[ةه]?|yanl[ıi][şs]|\bне|\bневерн\w+|\bнеправильн\w+|不是|错误的?|不正确的?)"
    r"\s*(?:the|a|o)?\s*$",
    re.IGNORECASE,
)
# Right after a label: the same.
DENIED_AFTER = re.compile(
    rf"\W{{0,3}}(?:{_NOUN}|se[çc]ene[ğg]i|[şs][ıi]kk[ıi])?\s*"
    r"(?:is not|isn't|is wrong|is incorrect|cannot|can't|de[ğg]il|yanl[ıi][şs]|"
    r"n[ãa]o (?:é|est[áa])|(?:é|est[áa]) (?:incorret|errad)[ao]|"
    r"не (?!без)|неверн|неправильн|ليس|غير|خاطئ|خطأ|不是|不对|不正确|错误)",
    re.IGNORECASE,
)
# Anywhere: a label that is only mentioned may be one that is ruled out.
NEGATION = re.compile(
    r"\b(?:not|no|nor|neither|never|cannot|wrong|incorrect|except|unlike|n[ãa]o|nem|exceto|"
    r"de[ğg]il|yanl[ıi][şs]|hari[çc]|не|ни|кроме|неверн\w*|неправильн\w*)\b|n't\b|"
    r"[不没非错]|除了|ليس|(?<!\w)لا(?!\w)|غير|خاطئ|خطأ",
    re.IGNORECASE,
)
# A sentence that says what something is: "The animal is a cat."
COPULA = re.compile(
    r"\b(?:is|are|was|were|it's|that's|é|são|это)(?!\w)"
    r"|是(?:一?[个只匹头条辆张件位名朵棵])?|(?<!\w)(?:هو|هي)(?!\w)",
    re.IGNORECASE,
)
# After a label and a space: what goes on is about the label, so that it is no article.
CONNECTIVE = re.compile(
    r"(?:because|since|as|which|due to|is|seems|porque|pois|já que|por|因为|由于|لأن|لان|çünkü|"
    r"[şs][ıi]kk[ıi]\w*|se[çc]ene[ğg]i\w*|olmal[ıi]d[ıi]r|потому|так как|поскольку)(?!\w)",
    re.IGNORECASE,
)
# Between two labels: the reply names both.
BOTH = re.compile(
    r"\s*(?:[,/&+،、]|(?:and|or|e|ou|ve|veya|ya da|и|или|и/или)(?!\w)|[和或及与]|و|أو|او)\s*"
    r"(?:(?:maybe|perhaps|possibly)\s+)?",
    re.IGNORECASE,
)
ARTICLE = re.compile(r"(?:the|an?|os?|as?|uma?)\s+", re.IGNORECASE)

# Options that a sentence may begin with: "Yes, it is."
_YES_NO = (
    *("yes", "no", "sim", "não", "evet", "hayır", "да", "нет", "نعم", "لا"),
    *("是", "否", "不是", "对", "不对"),
)
YES_NO = frozenset(map(fold, _YES_NO))

_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty",
    "zero um dois três quatro cinco seis sete oito nove dez onze doze",
    "nenhum uma duas",
    "零 一 二 三 四 五 六 七 八 九 十 十一 十二",
    "〇 一 两",
    "صفر واحد اثنان ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة عشرة",
    "صفر واحدة اثنين ثلاث أربع خمس ست سبع ثماني تسع عشر",
    "sıfır bir iki üç dört beş altı yedi sekiz dokuz on",
    "ноль один два три четыре пять шесть семь восемь девять десять",
    "нуль одна две трое четверо пятеро",
    "ноль одно двое",
)
# Number by word, the word folded.
NUMBERS = {fold(word): number for words in _WORDS for number, word in enumerate(words.split())}
