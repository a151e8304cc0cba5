"""Mutants of the store of checkpoints."""

from tests.mutants.mutant import Mutant

ARCHIVE = "lib/checkpoint/archive.py"
FILES = "lib/checkpoint/files.py"
RETENTION = "lib/checkpoint/retention.py"
SAVE = "lib/checkpoint/save.py"
SNAPSHOT = "lib/checkpoint/snapshot.py"
STORE = "lib/checkpoint/store.py"
WRITER = "lib/checkpoint/writer.py"
TESTS = "tests/lib/checkpoint"
FAULTS = "tests/faults/test_checkpoints.py"

CHECKPOINTS = (
    Mutant(
        mechanism="save: under another name until it is whole",
        defect="written in place",
        file=SAVE,
        original="temporary = temporary_path(path)",
        replacement="temporary = path",
        test=f"{FAULTS}::test_killed_at_any_byte[10]",
    ),
    Mutant(
        mechanism="save: the file is on the disk before its name is",
        defect="renamed while it is only in the cache",
        file=SAVE,
        original="    os.fsync(file.fileno())\n",
        replacement="",
        test=f"{TESTS}/test_save.py::test_the_order_of_the_protocol",
    ),
    Mutant(
        mechanism="save: the rename is on the disk before anything is deleted",
        defect="a power cut may take the new name and leave the deletions",
        file=SAVE,
        original="    fsync_path(path.parent)\n",
        replacement="",
        test=f"{TESTS}/test_save.py::test_the_order_of_the_protocol",
    ),
    Mutant(
        mechanism="save: read back before the rename",
        defect="what the disk spoilt gets the name of a checkpoint",
        file=SAVE,
        original="    check_whole(temporary)\n",
        replacement="",
        test=f"{TESTS}/test_save.py::"
        "test_a_disk_that_gives_back_other_bytes_is_noticed_before_the_rename",
    ),
    Mutant(
        mechanism="save: an error of the disk reaches the caller as it is",
        defect="torch's writer makes 'unexpected pos' of a full disk",
        file=SAVE,
        original="                self.error = error\n",
        replacement="                raise\n",
        test=f"{TESTS}/test_save.py::"
        "test_an_error_of_the_disk_becomes_one_sentence_and_leaves_nothing",
    ),
    Mutant(
        mechanism="save: short writes are continued",
        defect="what one call did not take is lost",
        file=SAVE,
        original="left = left[self._file.write(left) :]",
        replacement="left = left[self._file.write(left) * 0 + left.nbytes :]",
        test=f"{TESTS}/test_save.py::test_short_writes_are_continued",
    ),
    Mutant(
        mechanism="save: a failed one leaves nothing",
        defect="its temporary stays and fills the disk further",
        file=SAVE,
        original="    except OSError as error:\n        temporary.unlink(missing_ok=True)\n",
        replacement="    except OSError as error:\n",
        test=f"{FAULTS}::test_a_full_disk_is_one_sentence_and_harms_nothing[limit]",
    ),
    Mutant(
        mechanism="save: space is asked for first",
        defect="found out in the middle of the file",
        file=STORE,
        original="        check_space(self.folder / files.step_name(step), needed)\n",
        replacement="",
        test=f"{TESTS}/test_writer.py::test_a_full_disk_is_refused_before_the_copy",
    ),
    Mutant(
        mechanism="snapshot: a copy",
        defect="the live tensors are written while the next step changes them",
        file=SNAPSHOT,
        original="            return copies[key]\n",
        replacement="            return tensor\n",
        test=f"{TESTS}/test_writer.py::test_the_state_may_change_as_soon_as_save_returns",
    ),
    Mutant(
        mechanism="snapshot: tied tensors once",
        defect="each is written and loaded by itself",
        file=SNAPSHOT,
        original="    return place + look\n",
        replacement="    return id(tensor)\n",
        test=f"{TESTS}/test_snapshot.py::test_tied_tensors_are_copied_once_and_stay_tied",
    ),
    Mutant(
        mechanism="snapshot: the order of the elements in memory",
        defect="moments of a transposed weight come back row by row",
        file=SNAPSHOT,
        original='torch.empty_like(tensor, device="meta").stride()',
        replacement='torch.empty(tensor.shape, device="meta").stride()',
        test=f"{TESTS}/test_snapshot.py::"
        "test_the_order_in_memory_is_kept_where_it_fills_its_memory",
    ),
    Mutant(
        mechanism="snapshot: only what loads again without trust",
        defect="a number of numpy goes in, and no checkpoint comes out",
        file=SNAPSHOT,
        original="    if kind in PLAIN:\n",
        replacement="    if isinstance(value, PLAIN):\n",
        test=f"{TESTS}/test_snapshot.py::test_what_is_not_plain_is_refused_by_its_place",
    ),
    Mutant(
        mechanism="snapshot: its memory is used again",
        defect="every save begins with fresh pages",
        file=SNAPSHOT,
        original="if self._memory is not None and self.bytes >= plan.bytes and is_fit:",
        replacement="if False:",
        test=f"{TESTS}/test_snapshot.py::test_the_memory_of_the_last_copy_is_used_again",
    ),
    Mutant(
        mechanism="writer: one save at a time",
        defect="the next copy overwrites what is being written",
        file=WRITER,
        original="        start = time.perf_counter()\n        self.wait()\n",
        replacement="        start = time.perf_counter()\n",
        test=f"{TESTS}/test_writer.py::test_the_wait_for_the_save_before_is_part_of_the_stall",
    ),
    Mutant(
        mechanism="writer: a failure reaches the training",
        defect="it ends in the thread, and nobody hears of it",
        file=WRITER,
        original="            saved = self._pending.result()\n",
        replacement="            saved = None\n",
        test=f"{TESTS}/test_writer.py::"
        "test_a_failed_save_is_raised_once_by_the_next_call_in_the_caller_s_thread",
    ),
    Mutant(
        mechanism="load: every byte is compared with its checksum",
        defect="a flipped bit in a weight loads silently",
        file=ARCHIVE,
        original="    check_whole(path)\n    state = _load(path, mmap=False)\n",
        replacement="    state = _load(path, mmap=False)\n",
        test=f"{FAULTS}::test_a_damaged_file_is_set_aside_and_the_one_before_is_used",
    ),
    Mutant(
        mechanism="load: a tensor that a flipped bit calls a folder",
        defect="it loads as memory that nobody wrote",
        file=ARCHIVE,
        original=" or member.external_attr & FOLDER:",
        replacement=":",
        test=f"{TESTS}/test_archive.py::test_a_tensor_that_a_flipped_bit_calls_a_folder_is_noticed",
    ),
    Mutant(
        mechanism="load: plain data only",
        defect="weights_only=False, and the file runs what it likes",
        file=ARCHIVE,
        original='torch.load(str(path), map_location="cpu", weights_only=True, mmap=mmap)',
        replacement='torch.load(str(path), map_location="cpu", weights_only=False, mmap=mmap)',
        test=f"{FAULTS}::test_a_tampered_pickle_is_never_run",
    ),
    Mutant(
        mechanism="load: what the machine does is no damage",
        defect="a lack of memory sets good checkpoints aside",
        file=ARCHIVE,
        original="        if _is_of_the_machine(error):\n",
        replacement="        if False:\n",
        test=f"{TESTS}/test_archive.py::test_what_the_machine_does_is_not_called_damage",
    ),
    Mutant(
        mechanism="load: a later version is no damage",
        defect="an older program sets the checkpoints of a newer one aside",
        file=ARCHIVE,
        original='        raise Newer(path, state["schema"], SCHEMA)\n',
        replacement='        raise Damaged(path, "of a later version")\n',
        test=f"{TESTS}/test_store.py::test_a_later_version_goes_up_and_nothing_is_set_aside",
    ),
    Mutant(
        mechanism="continue: from the newest",
        defect="from the oldest",
        file=FILES,
        original="sorted(found.items(), reverse=True)",
        replacement="sorted(found.items())",
        test=f"{TESTS}/test_store.py::"
        "test_a_damaged_one_is_set_aside_and_the_next_is_taken_and_said",
    ),
    Mutant(
        mechanism="continue: if all were bad, a person decides, also the next time",
        defect="the second `make` begins silently at step 0",
        file=STORE,
        original="in files.bad_files(self.folder)]\n        if problems:",
        replacement="in ()]\n        if problems:",
        test=f"{TESTS}/test_store.py::test_if_all_are_bad_a_person_must_decide_also_the_next_time",
    ),
    Mutant(
        mechanism="continue: temporaries of the dead are swept",
        defect="each kill leaves a file of the size of a checkpoint",
        file=FILES,
        original="            os.unlink(entry.path)\n            removed",
        replacement="            removed",
        test=f"{FAULTS}::test_killed_at_any_byte[10]",
    ),
    Mutant(
        mechanism="continue: temporaries of the living are left",
        defect="a file is deleted under who is writing it",
        file=FILES,
        original="        return True\n    except OSError:",
        replacement="        return False\n    except OSError:",
        test=f"{TESTS}/test_files.py::test_a_sweep_takes_what_nobody_is_writing",
    ),
    Mutant(
        mechanism="retention: nothing before the new one is on the disk",
        defect="the old ones go although the new one is not there",
        file=RETENTION,
        original="        if verified not in sizes:\n            return ()\n",
        replacement="",
        test=f"{TESTS}/test_retention.py::"
        "test_nothing_is_deleted_while_the_newest_is_not_on_the_disk",
    ),
    Mutant(
        mechanism="retention: the one before the newest",
        defect="one damaged file, and there is nothing to fall back to",
        file=RETENTION,
        original="(newest_first[1:2], PREVIOUS)",
        replacement="([], PREVIOUS)",
        test=f"{TESTS}/test_retention.py::test_what_a_run_needs_is_never_deleted",
    ),
    Mutant(
        mechanism="retention: the best",
        defect="it goes when it is old",
        file=RETENTION,
        original="        if best in newest_first:\n",
        replacement="        if False:\n",
        test=f"{TESTS}/test_retention.py::test_a_long_run_by_hand",
    ),
    Mutant(
        mechanism="retention: a limit of bytes leaves what a run needs",
        defect="it takes whatever is oldest",
        file=RETENTION,
        original="if total > self.limit_bytes and not ESSENTIAL & set(kept[step]):",
        replacement="if total > self.limit_bytes:",
        test=f"{TESTS}/test_retention.py::test_what_a_run_needs_is_never_deleted",
    ),
    Mutant(
        mechanism="disk: what a score remembers is in a checkpoint",
        defect="the plan promises less than the checkpoints take",
        file="gpt2/sizes.py",
        original='if config["PRUNING_METHOD"].startswith("movement"):',
        replacement="if False:",
        test="tests/gpt2/trainers/test_saving.py::test_a_checkpoint_is_no_larger_than_was_said",
    ),
    Mutant(
        mechanism="end: all is kept until the result is on record",
        defect="a kill between the two makes the run begin at step 0",
        file=STORE,
        original="        fsync_path(self.folder)\n        return self.weights()\n",
        replacement="        self.discard_training()\n        return self.weights()\n",
        test=f"{TESTS}/test_store.py::test_the_weights_of_a_finished_run",
    ),
)
