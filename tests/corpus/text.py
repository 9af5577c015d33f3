"""Encodings of text: what spreadsheets and other countries' programs write."""

from __future__ import annotations

from .entries import Entries, Right, refused

ENTRIES = Entries()
text = ENTRIES.text


def table(first: str, second: str, name: str = "a", rows: int = 2) -> str:
    """Return a table of two labels, of so many rows each."""
    lines = [f"{name},b,label"]
    for i in range(2 * rows):
        label = second if i % 2 else first
        lines.append(f"{i * i + 0.5},{i % 3}.25,{label}")
    return "\n".join(lines) + "\n"


def classes(first: str, second: str, rows: int = 2, **facts: object) -> Right:
    return Right((2 * rows, 2), {first: rows, second: rows}, **facts)  # type: ignore[arg-type]


DOGS = table("犬", "猫")
KANA = table("いぬ", "ネコです")
GERMAN = table("Kühe", "Schäfchen")
READ_DOGS, READ_KANA, READ_GERMAN = (
    classes("犬", "猫"),
    classes("いぬ", "ネコです"),
    classes("Kühe", "Schäfchen"),
)

# ------------------------------------------------------------------------------------- Unicode
text("utf_8", DOGS, READ_DOGS)
text("utf_8_with_mark", DOGS.encode("utf-8-sig"), READ_DOGS)
text("utf_8_with_two_marks", b"\xef\xbb\xbf" + DOGS.encode("utf-8-sig"), READ_DOGS)
text("unicode_text_of_excel", DOGS.replace(",", "\t").encode("utf-16"), READ_DOGS, file="data.tsv")
text("utf_16_big_endian", b"\xfe\xff" + DOGS.encode("utf-16-be"), READ_DOGS)
text("utf_16_without_mark", GERMAN.encode("utf-16-le"), READ_GERMAN)
text("utf_16_big_endian_without_mark", GERMAN.encode("utf-16-be"), READ_GERMAN)
text("utf_32", DOGS.encode("utf-32"), READ_DOGS)
text("utf_16_cut_off", GERMAN.encode("utf-16")[:-1], refused("data.csv", "UTF-16"))
text(
    "damaged_utf_8",
    DOGS.encode().replace("猫".encode(), b"\xe7\x8c", 1),
    refused("data.csv", "row 2", "'label'", "UTF-8"),
)
text(
    "one_latin_byte_in_utf_8",
    (table("Kühe", "Schäfchen", rows=8)).encode().replace("ü".encode(), b"\xfc", 1),
    refused("data.csv", "row 1", "'label'", "UTF-8"),
)
text(
    "damaged_name",
    table("x", "y", "größe").encode("cp1252").replace(b"\xf6\xdf", b"\x81\x8d"),
    refused("data.csv", "first line"),
)
text(
    "damaged_with_mark",
    b"\xef\xbb\xbf" + DOGS.encode().replace("犬".encode(), b"\xff", 1),
    refused("data.csv", "row 1", "'label'"),
)
text("decomposed_label", table("e\u0301", "b").replace("e\u0301", "é", 1), classes("é", "b"))
text("no_break_spaces", table("\u00a0cat\u00a0", "dog\u3000"), classes("cat", "dog"))
text("right_to_left", table("قطة", "כלב"), classes("قطة", "כלב"))
text("emoji", table("🐈‍⬛", "🐕"), classes("🐈‍⬛", "🐕"))
text("line_separator_in_a_label", table("black\u2028cat", "dog"), Right((4, 2)))
text("full_width_commas", DOGS.replace(",", "，"), refused("data.csv", "label"))
text("curly_quotes", table("“cat”", "“dog”"), classes("“cat”", "“dog”"))

# ---------------------------------------------------------------------------------- code pages
text(
    "cp932_with_kana", KANA.encode("cp932"), Right((4, 2), READ_KANA.labels, log=("cp932", "いぬ"))
)
text(
    "euc_jp_with_kana",
    KANA.encode("euc_jp"),
    Right((4, 2), READ_KANA.labels, log=("euc_jp", "いぬ")),
)
text(
    "iso_2022_jp", KANA.encode("iso2022_jp"), Right((4, 2), READ_KANA.labels, log=("ISO-2022-JP",))
)
text(
    "cp932_of_two_characters",
    DOGS.encode("cp932"),
    refused("data.csv", "row 1", "'label'", "UTF-8"),
)
text("half_width_kana", table("ｲﾇ", "ﾈｺ").encode("cp932"), refused("data.csv", "UTF-8"))
text("latin_1", GERMAN.encode("latin-1"), classes("Kühe", "Schäfchen"))
text(
    "euro_sign_of_cp1252",
    table("5 € gespart", "Größe „M“").encode("cp1252"),
    classes("5 € gespart", "Größe „M“"),
)
text("cp437_of_dos", GERMAN.encode("cp437"), refused("data.csv", "UTF-8"))
text("mac_roman", GERMAN.encode("mac_roman"), refused("data.csv", "UTF-8"))
text("cyrillic", table("собака", "кошка и котёнок").encode("cp1251"), Right((4, 2)))
text("koi8", table("собака", "кошка и котёнок").encode("koi8_r"), refused("data.csv", "UTF-8"))
text("greek", table("σκύλος", "γάτα").encode("cp1253"), Right((4, 2)))
text("gb18030", table("狗是人类的朋友", "猫").encode("gb18030"), refused("data.csv", "UTF-8"))
text("big5", table("狗", "貓咪").encode("big5"), refused("data.csv", "UTF-8"))
text("korean", table("개", "고양이").encode("cp949"), refused("data.csv", "UTF-8"))
