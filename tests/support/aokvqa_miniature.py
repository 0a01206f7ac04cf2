"""A small A-OKVQA made by hand: questions about the project's example photographs, as COCO lies."""

from pathlib import Path

from robust_r1.images import fit, load, save
from robust_r1.records import AokvqaItem, write_aokvqa
from tests.support.paths import ROOT

# Photograph, question, options, the true one, three reasons: as people would write them.
TRAIN = (
    ("coffee", "What is the drink for?", ("waking up", "sleeping", "bathing", "washing"), 0,
     ("Coffee has caffeine and people drink it to stay awake.",
      "the cup holds espresso which is a strong drink",
      "A small dark drink with a spoon is had in the morning to get going.")),
    ("pavilion", "Which country is known for this kind of roof?",
     ("norway", "china", "egypt", "peru"), 1,
     ("The roof has upturned corners.", "Such pavilions are built in Chinese gardens.",
      "The tiles and the red columns are typical of temples in the far east")),
    ("brushes", "Who would use these tools?", ("cook", "painter", "farmer", "tailor"), 1,
     ("There is paint on the brushes.", "Brushes like these spread color on a canvas",
      "The bristles are stiff with dried paint, so someone works with color here.")),
    ("dogs", "What do these animals eat by nature?", ("grass", "meat", "fruit", "plankton"), 1,
     ("The animals are dogs.", "Dogs are related to wolves which hunt.",
      "They have the teeth of a predator")),
    ("stream", "What could be caught in this place?", ("fish", "camels", "buses", "sharks"), 0,
     ("There is a river with clean water.", "Trout live in forest streams.",
      "The water is cold, fast and rich in oxygen")),
    ("mountains", "What should a visitor wear here?",
     ("sandals", "boots", "slippers", "flippers"), 1,
     ("The ground is steep and rocky.", "Hikers need shoes that hold the ankle",
      "There are stones and snow on the path.")),
    ("coffee", "What was used to stir the drink?", ("fork", "spoon", "knife", "straw"), 1,
     ("A spoon lies on the saucer.", "Spoons are used to stir coffee.",
      "It is small enough for a cup")),
    ("dogs", "Where do the two rest?", ("on stairs", "on a roof", "in a car", "in water"), 0,
     ("There are steps under them.", "The stone is laid in steps.", "they lie one above another")),
    ("brushes", "What must be done with these before they dry?",
     ("wash them", "cut them", "freeze them", "eat them"), 0,
     ("Paint hardens in bristles.", "Brushes are cleaned in water or spirit after work",
      "There is still wet color on them.")),
    ("stream", "What season do the leaves suggest?", ("winter", "summer", "night", "noon"), 1,
     ("The trees are green.", "Leaves are fully grown.", "There is no snow or bare branch")),
)  # fmt: skip
VALIDATION = (
    ("cat", "What sound does this animal make?", ("bark", "meow", "moo", "neigh"), 1,
     ("It is a cat.", "Cats meow.", "The animal has whiskers and slit eyes like a cat")),
    ("rocket", "Where does this vehicle go?", ("under water", "space", "a garage", "a harbor"), 1,
     ("It is a rocket on a launch pad.", "Rockets carry satellites to orbit",
      "The tower beside it is for launches.")),
    ("dahlia", "Which animal visits this?", ("bee", "shark", "whale", "seal"), 0,
     ("It is a flower with nectar.", "Bees feed on nectar and pollen.",
      "The blossom is open for insects")),
    ("fig", "What grows this food?", ("a tree", "a cow", "a hen", "a mine"), 0,
     ("It is a fig.", "Figs grow on trees in warm countries.", "the fruit has many seeds")),
)  # fmt: skip
PIXELS = 320 * 240


def write_miniature(folder: Path) -> tuple[Path, Path]:
    """Write the questions and their pictures; return the folders of A-OKVQA and of COCO."""
    questions, pictures = folder / "aokvqa", folder / "coco"
    questions.mkdir(parents=True)
    for split, rows in (("train", TRAIN), ("val", VALIDATION)):
        items = [
            AokvqaItem(
                *(split, 100 + number, f"{split}-{number}", question, choices, true),
                direct_answers=(choices[true],) * 10,
                difficult_direct_answer=False,
                rationales=reasons,
            )
            for number, (_, question, choices, true, reasons) in enumerate(rows)
        ]
        write_aokvqa(questions / f"aokvqa_v1p0_{split}.json", items)
        for item, row in zip(items, rows, strict=True):
            path = pictures / item.image
            path.parent.mkdir(parents=True, exist_ok=True)
            save(fit(load(ROOT / "assets" / "examples" / f"{row[0]}.jpg"), PIXELS), path)
    return questions, pictures
