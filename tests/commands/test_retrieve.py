"""`rearank retrieve` as a process: what it writes, and how it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.datasets.test_names import beir

DOCS = '{"_id": "d1", "title": "Fleas", "text": "They jump."}\n{"_id": "d2", "text": "Bees fly."}\n'


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of these tests keep their indexes in a folder of their own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def docs(tmp_path: Path) -> str:
    place = tmp_path / "docs.jsonl"
    place.write_text(DOCS)
    return str(place)


def test_the_demo_is_retrieved_with_its_texts(rearank: Run) -> None:
    lines = rearank("retrieve", "--dataset", "demo", "--hits", "5").stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    assert {row["tag"] for row in rows} == {"demo:bm25"}
    assert all(candidate["doc"]["text"] for row in rows for candidate in row["candidates"])
    assert max(len(row["candidates"]) for row in rows) == 5
    train = rearank(
        "retrieve", "--dataset", "demo", "--split", "train", "--format", "trec"
    ).stdout.splitlines()
    assert {line.split()[5] for line in train} == {"demo/train:bm25"}
    assert {line.split()[0] for line in train}.isdisjoint({row["query"]["qid"] for row in rows})


def test_files_are_searched_in_the_order_of_the_queries(rearank: Run, docs: str) -> None:
    done = rearank(
        "retrieve", "--corpus", docs, "--topics", "-", stdin="2\tdo fleas jump\n1\telephants\n3\tfly\n"
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    found = [(row["query"]["qid"], [candidate["docid"] for candidate in row["candidates"]]) for row in rows]
    assert found == [("2", ["d1"]), ("1", []), ("3", ["d2"])]
    assert rows[0]["candidates"][0]["doc"] == {"title": "Fleas", "text": "They jump."}
    assert rows[0]["tag"] == "-:bm25"
    assert done.stderr == "rearank: 1 of 3 queries found nothing (1): no document holds a word of theirs\n"


def test_a_run_has_six_columns_and_the_tag_asked_for(rearank: Run, docs: str, tmp_path: Path) -> None:
    topics, out = tmp_path / "topics.tsv", tmp_path / "run.trec"
    topics.write_bytes(b"\xef\xbb\xbf1\tfleas jump\r\n")
    args = ("--corpus", docs, "--topics", str(topics), "--format", "trec", "--tag", "my run", "-o", str(out))
    assert rearank("retrieve", *args).stdout == ""
    assert out.read_text() == "1 Q0 d1 1 1 my_run\n"


def test_a_beir_folder_is_searched_as_typed(rearank: Run, tmp_path: Path) -> None:
    folder = beir(tmp_path / "mine")
    done = rearank("retrieve", "--dataset", f"{folder}/", "--format", "trec")
    assert done.stdout == f"q1 Q0 d1 1 1 {folder}:bm25\n"


@pytest.mark.parametrize(
    ("data", "topics", "status", "message"),
    [
        ("", "1\tx\n", 65, "docs.jsonl: expected a collection of documents, found nothing"),
        ('{"_id": "a"}\n', "1\tx\n", 65, "docs.jsonl:1: document 'a' has no text"),
        (
            DOCS + '{"_id": "d1", "text": "They sleep."}',
            "1\tx\n",
            65,
            "docs.jsonl:3: document 'd1' stands twice",
        ),
        (DOCS, "", 65, "<stdin>: expected queries, found nothing"),
        (DOCS, "1 x\n", 65, "<stdin>:1: expected qid<TAB>text"),
        (DOCS, "1\tcaf\u00e9\n".encode("latin-1"), 65, "<stdin>:1: expected UTF-8 text, found the byte 0xe9"),
    ],
)
def test_bad_input_is_one_sentence_and_no_output(
    rearank: Run, tmp_path: Path, data: str, topics: str | bytes, status: int, message: str
) -> None:
    place, out = tmp_path / "docs.jsonl", tmp_path / "out.jsonl"
    place.write_text(data)
    done = rearank(
        "retrieve", "--corpus", str(place), "--topics", "-", "-o", str(out), stdin=topics, status=status
    )
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (done.stdout, sorted(file.name for file in tmp_path.iterdir())) == ("", ["cache", "docs.jsonl"])


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        ((), 2, "say what to search"),
        (("--dataset", "demo", "--corpus", "x"), 2, "give one of them"),
        (("--corpus", "-"), 2, "cannot both come from stdin"),
        (("--dataset", "demo", "--hits", "0"), 2, "--hits"),
        (("--dataset", "demo", "--b", "1.5"), 2, "--b"),
        (("--dataset", "demmo"), 66, "did you mean demo?"),
        (("--dataset", "demo/dev"), 66, "the splits there are test, train"),
        (("--corpus", "nowhere.jsonl", "--topics", "-"), 66, "nowhere.jsonl: cannot be read"),
        (("--index", "nowhere"), 66, "nowhere: expected an index, found none"),
        (("--dataset", "demo", "-o", "nowhere/run"), 74, "nowhere/run: cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said(rearank: Run, args: tuple[str, ...], status: int, message: str) -> None:
    done = rearank("retrieve", *args, stdin="1\tx\n", status=status)
    assert message in done.stderr
    assert done.stdout == ""


def test_lines_of_stdin_are_queries(rearank: Run, docs: str) -> None:
    done = rearank("retrieve", "--corpus", docs, stdin="do fleas jump\n\nb7\tfly\n")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["query"] for row in rows] == [
        {"qid": "1", "text": "do fleas jump"},
        {"qid": "b7", "text": "fly"},
    ]


def test_each_query_is_answered_before_the_next_is_read(docs: str) -> None:
    command = [sys.executable, "-m", "rearank_cli", "retrieve", "--corpus", docs]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin
        assert process.stdout
        for query in (b"fleas\n", b"bees\n"):
            process.stdin.write(query)
            assert json.loads(process.stdout.readline())["query"]["text"] == query.decode().strip()
        process.stdin.close()
        assert process.wait(60) == 0


def test_documents_may_come_through_a_pipe(shell: Run, docs: str) -> None:
    done = shell(f"cat {docs} | rearank retrieve --corpus - --topics <(echo -e '1\\tfleas') --format trec")
    assert done.stdout == "1 Q0 d1 1 1 -:bm25\n"


def test_an_index_alone_is_searched(rearank: Run, docs: str, tmp_path: Path) -> None:
    index = str(tmp_path / "index")
    first = rearank("retrieve", "--corpus", docs, "--index", index, stdin="fleas")
    Path(docs).unlink()
    assert rearank("retrieve", "--index", index, stdin="fleas").stdout == first.stdout


def test_other_queries_may_be_asked_of_a_dataset(rearank: Run) -> None:
    done = rearank("retrieve", "--dataset", "demo", "--topics", "-", "--hits", "1", stdin="mine\tpicture\n")
    row = json.loads(done.stdout)
    assert (row["query"]["qid"], row["tag"]) == ("mine", "-:bm25")


def test_topics_from_a_terminal_are_refused_before_anything_is_read(shell: Run, docs: str) -> None:
    """`script` gives the command a terminal as its stdin."""
    done = shell(f"script -qec 'rearank retrieve --corpus {docs} --topics -' /dev/null", status=2)
    assert "stdin is a terminal" in done.stdout


def test_a_reader_that_has_seen_enough_ends_it_in_silence(shell: Run) -> None:
    done = shell("rearank retrieve --dataset demo | head -1 | wc -l; echo ${PIPESTATUS[0]}")
    assert (done.stdout.split(), done.stderr) == (["1", "141"], "")


def test_help_loads_nothing_heavy(shell: Run) -> None:
    done = shell("python -X importtime -m rearank_cli retrieve --help")
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert loaded.isdisjoint({"numpy", "bm25s", "Stemmer", "ir_datasets", "torch", "transformers"})
    assert "--corpus" in done.stdout


def test_dl19_over_its_judged_passages(shell: Run, shared: Path) -> None:
    """Real queries on real text: 9,139 passages, some of which the file has twice, word for word."""
    data = shared / "dl19"
    done = shell(
        f"rearank retrieve --corpus {data}/judged_passages.tsv --topics {data}/topics.tsv"
        f" | rearank evaluate - --qrels {data}/qrels.txt --metric ndcg@10 --format tsv"
    )
    assert done.stdout.split()[-1] == "0.4550"
    assert "121 documents stand there again, word for word; each was kept once" in done.stderr


@pytest.mark.parametrize("run", ["", "\n \n", "# a comment\n"])
def test_a_run_without_lines_gets_no_texts(rearank: Run, tmp_path: Path, run: str) -> None:
    corpus, topics, place = tmp_path / "c.tsv", tmp_path / "t.tsv", tmp_path / "run"
    corpus.write_text("a\tcats sleep\n")
    topics.write_text("1\tcats\n")
    place.write_text(run)
    done = rearank("retrieve", f"--corpus={corpus}", f"--topics={topics}", f"--run={place}", status=65)
    assert (done.stdout, done.stderr) == (
        "",
        f"rearank: {place}: expected lines of a run, found none; did a stage fail?\n",
    )


@pytest.mark.parametrize(
    ("text", "query"),
    [("오래된 소파를 수리하는 방법", "소파 수리"), ("ซ่อมโซฟาเก่า", "โซฟา"), ("cats sleep", "the of")],
)
def test_queries_that_find_nothing_are_counted_mr_tydi_10(
    rearank: Run, tmp_path: Path, text: str, query: str
) -> None:
    corpus, topics = tmp_path / "c.tsv", tmp_path / "t.tsv"
    corpus.write_text(f"a\t{text}\nb\tdogs run\n")
    topics.write_text(f"1\t{query}\n2\tdogs\n")
    done = rearank("retrieve", f"--corpus={corpus}", f"--topics={topics}", "--format=trec")
    assert done.stdout.startswith("2 Q0 b 1 1 ")
    assert "1 of 2 queries found nothing (1): no document holds a word of theirs" in done.stderr
