"""The code of a started launch, as LLVM IR: what it compares, makes, runs and gives back.

It has three forms: a function of x; of x, w and b, which are packed at each call ("plain"); and of x
and dy, which makes dw ("back").

Its self is an array of 64-bit integers, HEAD before the fields of a launch. It uses the pool's own
scratch memory and its own fields, so one call at a time may be inside: the pool's claim says which.
The claim is taken and left with the interpreter lock held.
"""

from __future__ import annotations

from hwio.engine.builtin import DATA
from hwio.engine.fields import AT, PACKING_FIELDS

MOST_AXES = 5
LINE = 64
# bytes of y whose memory is used again, once nobody refers to it: below, asking for it is fast; the
# first touch of fresh pages takes as long as many a layer
LEAST_KEPT, MOST_KEPT = 128 << 10, 64 << 20
HEAD = (
    "claim",  # address of the pool's words: claimed, closed, scratch
    "state", "run", "kernel", "tasks",  # what the pool is given
    "let_go",  # whether to let go of the interpreter lock
    "axes", "descr", "type",  # what x, and dy, must be
    "y_axes",
    "bytes_descr", "y_bytes", "kept",  # of the memory behind y; where the last one is
    "new", "set_base", "refer", "drop", "save", "restore",  # functions of CPython and NumPy
    "none",
    "flags", "flag_count",  # words in which a kernel says that y is not right
    "pack", "pack_tasks", "packing", "packed_bytes",  # how w is packed; 0 where it is read as it lies
    "first", "first_tasks", "first_fields",  # what is done with x beforehand; 0 where nothing is
    "first_at",  # where in the scratch memory it puts that
    "bias", "bias_bytes",  # where b is copied to; 0 where there is none
    *(f"{name}{n}" for name in ("x", "y", "dy") for n in range(MOST_AXES)),  # sizes
)  # fmt: skip
SINGLE = HEAD[: HEAD.index("x0")]
HEAD_AT = {name: 8 * n for n, name in enumerate(HEAD)}
BEHIND = 8 * len(HEAD)  # where the fields begin
PACKING_AT = {name: 8 * n for n, name in enumerate(PACKING_FIELDS)}
# an array object, behind its reference count: type, data, axes, sizes, base, descr, flags
TYPE, AXES, SIZES, DESCR, FLAGS = 8, 24, 32, 56, 64
PLAIN = 0x101  # flags: contiguous in C's order, aligned
OWN = 0x501  # and writeable
KEPT = {"y": 24, "dw": 32, "part": 40}  # behind the claim, where the last large result is kept
POINTERS = ("new", "set_base", "refer", "drop", "save", "restore", "run", "type", "descr",
            "bytes_descr", "none", "claim", "flags", "packing", "bias", "first_fields")  # fmt: skip


def started_ir(name: str, form: str) -> str:
    """Write the function of one form: "x", "plain" or "back"."""
    plain, back = form == "plain", form == "back"
    after_x = {"x": "take", "plain": "weights", "back": "second"}[form]
    return f"""
define ptr @{name}(ptr %self, ptr %arguments, i64 %count) {{
{_begin({"x": 1, "plain": 3, "back": 2}[form])}
{_compare("x", after_x)}
{_WEIGHTS if plain else ""}
{_SECOND + _compare("dy", "take") if back else ""}
{_TAKE}
{_make("w" if back else "y", _OPERANDS if plain else _DY if back else "")}
{_run(_PACK if plain else "", _DROP if plain else "")}
{_end()}
{_FAILED_PACKING if plain else ""}
}}
"""


def _begin(count: int) -> str:
    """Load the head; decline another number of arguments."""
    words = "".join(
        f"""
  %{name}_word = getelementptr i8, ptr %head, i64 {HEAD_AT[name]}
  %{name} = load i64, ptr %{name}_word"""
        for name in SINGLE
    )
    pointers = "".join(f"\n  %{name}_to = inttoptr i64 %{name} to ptr" for name in POINTERS)
    return f"""
entry:
  %head_at = getelementptr i8, ptr %self, i64 {DATA}
  %head = load ptr, ptr %head_at
  %x = load ptr, ptr %arguments{words}{pointers}
  %closed_at = getelementptr i8, ptr %claim_to, i64 8
  %scratch_at = getelementptr i8, ptr %claim_to, i64 16
  %axes_32 = trunc i64 %axes to i32
  %y_axes_32 = trunc i64 %y_axes to i32
  %x_sizes = getelementptr i8, ptr %head, i64 {HEAD_AT["x0"]}
  %y_sizes = getelementptr i8, ptr %head, i64 {HEAD_AT["y0"]}
  %dy_sizes = getelementptr i8, ptr %head, i64 {HEAD_AT["dy0"]}
  %fields = getelementptr i8, ptr %head, i64 {BEHIND}
  %right_count = icmp eq i64 %count, {count}
  br i1 %right_count, label %look_at_x, label %decline
look_at_x:"""


def _compare(n: str, after: str) -> str:
    """Decline what is no array, has another dtype or shape, or is not contiguous and aligned."""
    return f"""
  %{n}_type_at = getelementptr i8, ptr %{n}, i64 {TYPE}
  %{n}_its_type = load i64, ptr %{n}_type_at
  %{n}_right_type = icmp eq i64 %{n}_its_type, %type
  br i1 %{n}_right_type, label %{n}_compare, label %decline
{n}_compare:
  %{n}_descr_at = getelementptr i8, ptr %{n}, i64 {DESCR}
  %{n}_its_descr = load i64, ptr %{n}_descr_at
  %{n}_axes_at = getelementptr i8, ptr %{n}, i64 {AXES}
  %{n}_its_axes = load i32, ptr %{n}_axes_at
  %{n}_its_flags_at = getelementptr i8, ptr %{n}, i64 {FLAGS}
  %{n}_its_flags = load i32, ptr %{n}_its_flags_at
  %{n}_its_plain = and i32 %{n}_its_flags, {PLAIN}
  %{n}_right_descr = icmp eq i64 %{n}_its_descr, %descr
  %{n}_right_axes = icmp eq i32 %{n}_its_axes, %axes_32
  %{n}_right_flags = icmp eq i32 %{n}_its_plain, {PLAIN}
  %{n}_right_kind = and i1 %{n}_right_descr, %{n}_right_axes
  %{n}_right_array = and i1 %{n}_right_kind, %{n}_right_flags
  %{n}_sizes_at = getelementptr i8, ptr %{n}, i64 {SIZES}
  %{n}_its_sizes = load ptr, ptr %{n}_sizes_at
  br i1 %{n}_right_array, label %{n}_size, label %decline
{n}_size:
  %{n}_axis = phi i64 [0, %{n}_compare], [%{n}_next_axis, %{n}_next_size]
  %{n}_more_axes = icmp ult i64 %{n}_axis, %axes
  br i1 %{n}_more_axes, label %{n}_compare_size, label %{after}
{n}_compare_size:
  %{n}_its_size_at = getelementptr i64, ptr %{n}_its_sizes, i64 %{n}_axis
  %{n}_its_size = load i64, ptr %{n}_its_size_at
  %{n}_our_size_at = getelementptr i64, ptr %{n}_sizes, i64 %{n}_axis
  %{n}_our_size = load i64, ptr %{n}_our_size_at
  %{n}_right_size = icmp eq i64 %{n}_its_size, %{n}_our_size
  br i1 %{n}_right_size, label %{n}_next_size, label %decline
{n}_next_size:
  %{n}_next_axis = add i64 %{n}_axis, 1
  br label %{n}_size"""


_WEIGHTS = f"""
weights:
  %w_at = getelementptr i8, ptr %arguments, i64 8
  %w = load ptr, ptr %w_at
  %w_flags_at = getelementptr i8, ptr %w, i64 {FLAGS}
  %w_flags = load i32, ptr %w_flags_at
  %w_plain = and i32 %w_flags, {PLAIN}
  %right_w = icmp eq i32 %w_plain, {PLAIN}
  br i1 %right_w, label %take, label %decline"""

_SECOND = """
second:
  %dy_given = getelementptr i8, ptr %arguments, i64 8
  %dy = load ptr, ptr %dy_given"""

_TAKE = """
take:
  %swapped = cmpxchg ptr %claim_to, i64 0, i64 1 seq_cst seq_cst
  %claimed = extractvalue { i64, i1 } %swapped, 1
  br i1 %claimed, label %look, label %decline
look:
  %closed = load i64, ptr %closed_at
  %open = icmp eq i64 %closed, 0
  br i1 %open, label %make, label %leave"""


def _new_bytes(name: str, failed: str, after: str, count: str) -> str:
    """Ask NumPy for as many bytes as a word says; %name_begin is their first cache line."""
    return f"""
  call void %refer_to(ptr %bytes_descr_to)
  %{name}_memory = call ptr %new_to(ptr %type_to, ptr %bytes_descr_to, i32 1, ptr %{count}_word, ptr null, ptr null, i32 0, ptr null)
  %{name}_missing = icmp eq ptr %{name}_memory, null
  br i1 %{name}_missing, label %{failed}, label %{after}
{after}:
  %{name}_memory_at = getelementptr i8, ptr %{name}_memory, i64 {DATA}
  %{name}_first = load i64, ptr %{name}_memory_at
  %{name}_beyond = add i64 %{name}_first, {LINE - 1}
  %{name}_begin = and i64 %{name}_beyond, -{LINE}"""


def _store(what: str, field: str) -> str:
    """Write a number into a field."""
    return f"""
  %{field}_field = getelementptr i8, ptr %fields, i64 {AT[field]}
  store i64 {what}, ptr %{field}_field"""


def _make(field: str, operands: str) -> str:
    """Make y, or dw, and tell the fields where everything lies."""
    return f"""
make:
  %kept_at = getelementptr i8, ptr %claim_to, i64 %kept
  %last = load ptr, ptr %kept_at
  %none_kept = icmp eq ptr %last, null
  br i1 %none_kept, label %fresh, label %look_at_kept
look_at_kept:
  %kept_references = load i32, ptr %last
  %is_free = icmp eq i32 %kept_references, 1
  br i1 %is_free, label %look_at_its_axes, label %fresh
look_at_its_axes:
  %kept_axes_at = getelementptr i8, ptr %last, i64 {AXES}
  %kept_axes = load i32, ptr %kept_axes_at
  %kept_descr_at = getelementptr i8, ptr %last, i64 {DESCR}
  %kept_descr = load i64, ptr %kept_descr_at
  %one_axis = icmp eq i32 %kept_axes, 1
  %of_bytes = icmp eq i64 %kept_descr, %bytes_descr
  %as_made = and i1 %one_axis, %of_bytes
  br i1 %as_made, label %free_kept, label %drop_kept
free_kept:
  %kept_sizes_at = getelementptr i8, ptr %last, i64 {SIZES}
  %kept_sizes = load ptr, ptr %kept_sizes_at
  %kept_bytes = load i64, ptr %kept_sizes
  %twice = mul i64 %y_bytes, 2
  %is_enough = icmp uge i64 %kept_bytes, %y_bytes
  %is_near = icmp ule i64 %kept_bytes, %twice
  %fits = and i1 %is_enough, %is_near
  br i1 %fits, label %again, label %drop_kept
again:
  call void %refer_to(ptr %last)
  br label %view
drop_kept:
  %is_large = icmp uge i64 %y_bytes, {LEAST_KEPT}
  br i1 %is_large, label %really_drop, label %fresh
really_drop:
  store ptr null, ptr %kept_at
  call void %drop_to(ptr %last)
  br label %fresh
fresh:{_new_bytes("fresh", "fail", "made", "y_bytes")}
  %large_enough = icmp uge i64 %y_bytes, {LEAST_KEPT}
  %small_enough = icmp ule i64 %y_bytes, {MOST_KEPT}
  %worth_keeping = and i1 %large_enough, %small_enough
  br i1 %worth_keeping, label %keep, label %view
keep:
  %old_kept = load ptr, ptr %kept_at
  call void %refer_to(ptr %fresh_memory)
  store ptr %fresh_memory, ptr %kept_at
  %no_old = icmp eq ptr %old_kept, null
  br i1 %no_old, label %view, label %drop_old
drop_old:
  call void %drop_to(ptr %old_kept)
  br label %view
view:
  %y_memory = phi ptr [%last, %again], [%fresh_memory, %made], [%fresh_memory, %keep], [%fresh_memory, %drop_old]
  %y_memory_at = getelementptr i8, ptr %y_memory, i64 {DATA}
  %y_first = load i64, ptr %y_memory_at
  %y_beyond = add i64 %y_first, {LINE - 1}
  %y_begin = and i64 %y_beyond, -{LINE}
  %y_data = inttoptr i64 %y_begin to ptr
  call void %refer_to(ptr %descr_to)
  %y = call ptr %new_to(ptr %type_to, ptr %descr_to, i32 %y_axes_32, ptr %y_sizes, ptr null, ptr %y_data, i32 {OWN}, ptr null)
  %no_y = icmp eq ptr %y, null
  br i1 %no_y, label %fail_after, label %hold
hold:
  %held = call i32 %set_base_to(ptr %y, ptr %y_memory)
  %x_data_at = getelementptr i8, ptr %x, i64 {DATA}
  %x_data = load i64, ptr %x_data_at
  %scratch = load i64, ptr %scratch_at{_store("%x_data", "x")}{_store("%y_begin", field)}{_store("%scratch", "scratch")}
  %given = ptrtoint ptr %fields to i64{operands}
  br label %go"""


_DY = f"""
  %dy_data_at = getelementptr i8, ptr %dy, i64 {DATA}
  %dy_data = load i64, ptr %dy_data_at{_store("%dy_data", "y")}"""

# w's own address, or that of packed weights; b, number by number
_OPERANDS = f"""
  %w_data_at = getelementptr i8, ptr %w, i64 {DATA}
  %w_data = load i64, ptr %w_data_at
  %packs = icmp ne i64 %packed_bytes, 0
  br i1 %packs, label %room, label %add_bias
room:{_new_bytes("packed", "fail_packing", "tell_packing", "packed_bytes")}
  %packing_w = getelementptr i8, ptr %packing_to, i64 {PACKING_AT["w"]}
  store i64 %w_data, ptr %packing_w
  %packing_to_field = getelementptr i8, ptr %packing_to, i64 {PACKING_AT["packed"]}
  store i64 %packed_begin, ptr %packing_to_field
  br label %add_bias
add_bias:
  %w_used = phi i64 [%w_data, %hold], [%packed_begin, %tell_packing]
  %to_drop = phi ptr [null, %hold], [%packed_memory, %tell_packing]{_store("%w_used", "w")}
  %b_at = getelementptr i8, ptr %arguments, i64 16
  %b = load ptr, ptr %b_at
  %b_data_at = getelementptr i8, ptr %b, i64 {DATA}
  %has_bias = icmp ne i64 %bias_bytes, 0
  br i1 %has_bias, label %b_array, label %go
b_array:
  %b_data = load ptr, ptr %b_data_at
  br label %copy_bias
copy_bias:
  %copied = phi i64 [0, %b_array], [%next_copied, %copy_bias]
  %b_from = getelementptr i8, ptr %b_data, i64 %copied
  %b_number = load i32, ptr %b_from, align 1
  %b_into = getelementptr i8, ptr %bias_to, i64 %copied
  store i32 %b_number, ptr %b_into
  %next_copied = add i64 %copied, 4
  %more_bias = icmp ult i64 %next_copied, %bias_bytes
  br i1 %more_bias, label %copy_bias, label %go_on
go_on:"""

_PACK = """
  br i1 %packs, label %pack_first, label %packed_now
pack_first:
  call void %run_to(i64 %state, i64 %pack, i64 %packing, i64 %pack_tasks)
  br label %packed_now
packed_now:"""

_DROP = """
  br i1 %packs, label %drop_packed, label %dropped
drop_packed:
  call void %drop_to(ptr %to_drop)
  br label %dropped
dropped:"""


def _run(pack: str, drop: str) -> str:
    """Run the pool; see whether the kernel set a flag."""
    run = "\n  call void %run_to(i64 %state, i64 %kernel, i64 %given, i64 %tasks)"
    return f"""
go:
  %lets_go = icmp ne i64 %let_go, 0
  br i1 %lets_go, label %apart, label %here
apart:
  %thread = call ptr %save_to()
  %has_first = icmp ne i64 %first, 0
  br i1 %has_first, label %do_first, label %first_done
do_first:
  store i64 %x_data, ptr %first_fields_to
  %first_into_at = getelementptr i8, ptr %first_fields_to, i64 8
  %first_into = add i64 %scratch, %first_at
  store i64 %first_into, ptr %first_into_at{_store("%first_into", "edges")}
  call void %run_to(i64 %state, i64 %first, i64 %first_fields, i64 %first_tasks)
  br label %first_done
first_done:{pack}{run}
  call void %restore_to(ptr %thread){drop}
  br label %done
here:{run}
  br label %done
done:
  br label %flag
flag:
  %at = phi i64 [0, %done], [%next_flag, %sound]
  %more_flags = icmp ult i64 %at, %flag_count
  br i1 %more_flags, label %see, label %finish
see:
  %flag_at = getelementptr i64, ptr %flags_to, i64 %at
  %set = load i64, ptr %flag_at
  %is_sound = icmp eq i64 %set, 0
  br i1 %is_sound, label %sound, label %unsound
sound:
  %next_flag = add i64 %at, 1
  br label %flag"""


def _end() -> str:
    """Give y, None or an error back; a pool that was closed meanwhile keeps nothing."""
    drops = "".join(
        f"""
  %place_{at} = getelementptr i8, ptr %claim_to, i64 {at}
  %last_{at} = load ptr, ptr %place_{at}
  store ptr null, ptr %place_{at}
  call void %drop_to(ptr %last_{at})"""
        for at in KEPT.values()
    )
    return f"""
finish:
  br label %closing
unsound:
  call void %drop_to(ptr %y)
  br label %closing
leave:
  br label %closing
fail_after:
  call void %drop_to(ptr %y_memory)
  br label %fail
fail:
  br label %closing
closing:
  %outcome = phi ptr [%y, %finish], [%none_to, %unsound], [%none_to, %leave], [null, %fail]
  %closed_since = load i64, ptr %closed_at
  %kept_on = icmp eq i64 %closed_since, 0
  br i1 %kept_on, label %give, label %let_go_of_kept
let_go_of_kept:{drops}
  br label %give
give:
  store atomic i64 0, ptr %claim_to seq_cst, align 8
  %declines = icmp eq ptr %outcome, %none_to
  br i1 %declines, label %decline, label %answer
answer:
  ret ptr %outcome
decline:
  call void %refer_to(ptr %none_to)
  ret ptr %none_to"""


_FAILED_PACKING = """
fail_packing:
  call void %drop_to(ptr %y)
  br label %fail"""
