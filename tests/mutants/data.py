"""Mutants of the data: the order of an epoch, streams and how they go on, what is verified."""

from tests.mutants.mutant import Mutant

SAMPLER = "gpt2/datasets/sampler.py"
BUILD = "gpt2/datasets/build.py"
FEED = "gpt2/datasets/feed.py"
STAMPS = "gpt2/datasets/stamps.py"

ORDER_TEST = (
    "tests/gpt2/datasets/test_sampler.py::test_the_order_of_several_files_is_that_of_one_sort"
)
STREAMS = "tests/gpt2/datasets/test_streams.py"
TOKENIZERS = "gpt2/datasets/tokenizers.py"
RUNS_TEST = (
    "tests/gpt2/datasets/test_tokenizers.py::"
    "test_parts_between_long_runs_of_blanks_have_the_tokens_of_the_whole"
)
STAMP_TESTS = "tests/gpt2/datasets/test_stamps.py"

DATA = (
    Mutant(
        mechanism="embedded corpus: the pinned bytes alone",
        defect="whatever the archive holds",
        file="gpt2/datasets/pystdlib.py",
        original="        if digest.hexdigest() != SHA256:\n",
        replacement="        if False:\n",
        test="tests/gpt2/datasets/test_pystdlib.py::test_another_text_is_refused",
    ),
    Mutant(
        mechanism="order of an epoch: the shards come in a random order",
        defect="in the order of their numbers, in every epoch",
        file=SAMPLER,
        original='np.argsort(self._random("shards", number, 0, begins.size - 1), kind="stable")',
        replacement="np.arange(begins.size - 1)",
        test=ORDER_TEST,
    ),
    Mutant(
        mechanism="order of an epoch: each shard has its own part of the random words",
        defect="every shard takes the first ones, so all are permuted alike",
        file=SAMPLER,
        original=".advance(first).random_raw(count)",
        replacement=".random_raw(count)",
        test=ORDER_TEST,
    ),
    Mutant(
        mechanism="order of an epoch: a window belongs to the shard that it begins in",
        defect="to the one that it ends in",
        file=SAMPLER,
        original="begins = np.append(self._stream.shard_begins, len(self._stream))",
        replacement="begins = np.append(self._stream.shard_begins - self._block_size, "
        "len(self._stream))",
        test=ORDER_TEST,
    ),
    Mutant(
        mechanism="a saved position is compared with the data",
        defect="any position will do",
        file=SAMPLER,
        original="if here != dict(saved):",
        replacement="if False:",
        test="tests/gpt2/datasets/test_sampler.py::test_a_place_in_other_data_is_refused",
    ),
    Mutant(
        mechanism="streams: an end of text before every document",
        defect="documents run into one another",
        file=FEED,
        original="pieces += [separator, tokens_N] if begins else [tokens_N]",
        replacement="pieces += [tokens_N]",
        test=f"{STREAMS}::test_all_there_is_and_each_document_behind_an_end_of_text",
    ),
    Mutant(
        mechanism="streams: training begins where the held-out head ends",
        defect="training sees the validation split",
        file=BUILD,
        original='Part("train", stream.train, stream.train_tokens, stream.validation is None)',
        replacement='Part("train", stream.train, stream.train_tokens, False)',
        test=f"{STREAMS}::test_the_head_is_held_out_and_training_begins_where_it_ends",
    ),
    Mutant(
        mechanism="streams: the budget ends a split",
        defect="all of the text is taken",
        file=BUILD,
        original='Part("train", stream.train, stream.train_tokens, stream.validation is None)',
        replacement='Part("train", stream.train, None, stream.validation is None)',
        test=f"{STREAMS}::test_the_head_is_held_out_and_training_begins_where_it_ends",
    ),
    Mutant(
        mechanism="streams: the next file is not fetched before it is needed",
        defect="reading ahead goes over the end of a file",
        file=FEED,
        original="keep = 2 * threads if chunk.texts else 0",
        replacement="keep = 2 * threads",
        test="tests/gpt2/datasets/test_feed.py::test_nothing_dear_is_begun_before_it_is_needed",
    ),
    Mutant(
        mechanism="resumed preparation: the place in the text",
        defect="a shard is kept without the place behind it",
        file=BUILD,
        original="state.shards, state.place = list(writer.shards), feed.place",
        replacement="state.shards = list(writer.shards)",
        test=f"{STREAMS}::test_what_was_stopped_and_taken_up_is_the_same_bytes",
    ),
    Mutant(
        mechanism="resumed preparation: the tokens of a text that were used before",
        defect="a text that a shard's end cut begins again",
        file=FEED,
        original="self._chunk, self._next, self._to_skip = chunk, self._to_skip, 0",
        replacement="self._chunk, self._next, self._to_skip = chunk, 0, 0",
        test=f"{STREAMS}::test_what_was_stopped_and_taken_up_is_the_same_bytes",
    ),
    Mutant(
        mechanism="resumed preparation: only of the same text and budget",
        defect="whatever was begun is gone on with",
        file="gpt2/datasets/resume.py",
        original='if (value["schema"], value["identity"]) != (SCHEMA, identity_hash(identity)):',
        replacement='if value["schema"] != SCHEMA:',
        test=f"{STREAMS}::test_another_text_or_budget_begins_anew",
    ),
    Mutant(
        mechanism="resumed preparation: nothing is tokenised again",
        defect="it begins anew",
        file="gpt2/datasets/resume.py",
        original="    return state\n",
        replacement="    return None\n",
        test=f"{STREAMS}::test_nothing_that_is_done_is_tokenised_again",
    ),
    Mutant(
        mechanism="resumed preparation: a position in parquet that was taken up is where it was",
        defect="the stream is asked, which says the beginning of the file",
        file="gpt2/datasets/parquet.py",
        original="before = stream.state_dict() if position is None else position",
        replacement="before = stream.state_dict()",
        test="tests/gpt2/datasets/test_parquet.py::test_rows_of_parquet",
    ),
    Mutant(
        mechanism="disk: what cannot fit is refused before it begins",
        defect="it is found out hours later",
        file="gpt2/datasets/forecast.py",
        original="if free < needed:",
        replacement="if False:",
        test=f"{STREAMS}::test_what_cannot_fit_is_refused_before_it_begins",
    ),
    Mutant(
        mechanism="text files: a part ends where no token crosses",
        defect="anywhere before a blank, also inside a run of them",
        file="gpt2/datasets/plain.py",
        original="if data[end - 1] in _VISIBLE:",
        replacement="if True:",
        test="tests/gpt2/datasets/test_plain.py::"
        "test_the_parts_have_the_tokens_of_the_whole_by_the_pattern",
    ),
    Mutant(
        mechanism="WikiText: an article is a document",
        defect="every row is one",
        file="gpt2/datasets/articles.py",
        original="if is_title(row) and article:",
        replacement="if article:",
        test="tests/gpt2/datasets/test_articles.py::"
        "test_articles_are_their_rows_from_title_to_title",
    ),
    Mutant(
        mechanism="verification: the time of the inode's change",
        defect="only size and mtime count, which a program can set back",
        file=STAMPS,
        original="[facts.st_size, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns, sha256]",
        replacement="[facts.st_size, facts.st_ino, facts.st_mtime_ns, sha256]",
        test=f"{STAMP_TESTS}::test_a_changed_byte_stops_though_its_time_was_set_back",
    ),
    Mutant(
        mechanism="verification: a file that was written just now gets no stamp",
        defect="a change within the clock's resolution stays unseen",
        file=STAMPS,
        original="if is_settled and stamp ==",
        replacement="if stamp ==",
        test=f"{STAMP_TESTS}::test_what_was_written_just_now_gets_no_stamp",
    ),
    Mutant(
        mechanism="text in parts: a long run of blanks is cut before its last character",
        defect="behind it, so a word loses the blank that belongs to it",
        file=TOKENIZERS,
        original="yield text[start : end - 1]\n            begin = end - 1",
        replacement="yield text[start:end]\n            begin = end",
        test=RUNS_TEST,
    ),
    Mutant(
        mechanism="text in parts: a blank is what tiktoken's engine takes for one",
        defect="what Python does, four characters more",
        file=TOKENIZERS,
        original='_BLANKS += "\\u2028',
        replacement='_BLANKS += "\\x1c\\x1d\\x1e\\x1f\\u2028',
        test=RUNS_TEST,
    ),
    Mutant(
        mechanism="a user's folder: a suffix counts in any case",
        defect="BIG.TXT is no text",
        file="gpt2/datasets/folders.py",
        original="return name.lower().endswith(tuple(suffixes))",
        replacement="return name.endswith(tuple(suffixes))",
        test="tests/gpt2/datasets/test_folders.py::"
        "test_every_file_counts_or_is_left_out_for_a_reason",
    ),
    Mutant(
        mechanism="a user's folder: what is left out is said",
        defect="nobody hears of it",
        file="gpt2/datasets/custom.py",
        original="for line in left_out_lines(root, found):\n            progress(line)",
        replacement="",
        test="tests/gpt2/datasets/test_custom.py::test_what_is_left_out_and_what_is_empty_is_said",
    ),
    Mutant(
        mechanism="a byte-order mark is no text",
        defect="it is the first character",
        file="gpt2/datasets/marks.py",
        original="return text.removeprefix(MARK) if start == 0 else text",
        replacement="return text",
        test="tests/gpt2/datasets/test_marks.py::test_the_mark_of_utf_8_is_no_text",
    ),
    Mutant(
        mechanism="JSON: a key that stands twice is refused",
        defect="the last one counts",
        file="gpt2/datasets/lines.py",
        original="if len(found) > 1:",
        replacement="if False:",
        test="tests/gpt2/datasets/test_lines.py::test_a_bad_line_is_named_with_its_offset",
    ),
    Mutant(
        mechanism="documents: JSON by another name is refused",
        defect="its braces and keys are the text",
        file="gpt2/datasets/custom_documents.py",
        original="if not has_suffix(path.name, DOCUMENT_SUFFIXES) and is_json(_head(path)):",
        replacement="if False:",
        test="tests/gpt2/datasets/test_custom_documents.py::"
        "test_json_that_is_not_named_so_is_no_text",
    ),
    Mutant(
        mechanism="preparing: what others have in the place is not replaced",
        defect="whatever bears the names goes",
        file=BUILD,
        original="if not is_ours(folder):",
        replacement="if False:",
        test="tests/gpt2/datasets/test_build.py::test_what_somebody_else_has_there_is_not_replaced",
    ),
    Mutant(
        mechanism="deleting: only a name of ours is ours",
        defect="all that lies in our folder goes",
        file="lib/made.py",
        original="if fits and is_ours(path):",
        replacement="if True:",
        test="tests/scripts/test_clean.py::test_a_note_beside_our_files_stays_and_is_named",
    ),
    Mutant(
        mechanism="deleting: a link goes, not what it points to",
        defect="a link is taken for the folder",
        file="lib/made.py",
        original="if place.is_symlink() or not place.is_dir():",
        replacement="if not place.is_dir():",
        test="tests/lib/test_made.py::test_a_link_goes_and_never_what_it_points_to",
    ),
    Mutant(
        mechanism="deleting: a dataset of ours bears a mark of ours",
        defect="every folder of DATA_DIR is taken for one",
        file="gpt2/datasets/made.py",
        original="if _is_prepared(path) else None",
        replacement="",
        test="tests/scripts/test_clean.py::test_yes_deletes_what_is_ours_and_keeps_what_is_not",
    ),
    Mutant(
        mechanism="headers of defconfigs: the numbers in their words are compared as well",
        defect="only the line of the plan is",
        file="scripts/kconfig/header.py",
        original="for said, truth in _contradicted(text, known)",
        replacement="for said, truth in ()",
        test="tests/scripts/kconfig/test_header.py::test_words_that_contradict_the_plan_are_found",
    ),
)
