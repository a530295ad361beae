import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin.volume import Volume, VolumePathError, expand


@pytest.mark.parametrize(
    "text", ["C:\\Windows\\Temp\\a.txt", "c:/windows/TEMP/a.txt", "\\Windows\\Temp\\a.txt",
             "%SystemRoot%\\Temp\\a.txt", "\\SystemRoot\\Temp\\A.TXT",
             "\\??\\C:\\Windows\\Temp\\a.txt",
             "C:\\Windows\\System32\\..\\Temp\\.\\a.txt"]
)  # fmt: skip
def test_ways_to_name_the_same_file(volume, text):
    written = volume.write("C:\\Windows\\Temp\\a.txt", b"x")
    assert volume.path(text) == written


@pytest.mark.parametrize(
    "text", ["D:\\a", "a", "a\\b", "C:a", "..\\a", "C:\\..\\a", "C:\\a\\..\\..\\b",
             "\\\\host\\share",
             "C:\\a:stream", "C:\\a*", 'C:\\"', "C:\\a\nb", "", "C:\\" + "x" * 300]
)  # fmt: skip
def test_what_is_no_path_on_the_volume(volume, text):
    with pytest.raises(VolumePathError):
        volume.path(text)


def test_existing_case_is_kept_and_new_names_as_asked(volume):
    volume.write("C:\\Users\\Tester\\a.txt", b"")
    assert volume.path("c:\\USERS\\tester\\New.TXT").relative_to(volume.root).as_posix() == (
        "Users/Tester/New.TXT"
    )


def test_a_link_is_no_way_out(volume, tmp_path_factory):
    (volume.root / "out").symlink_to(tmp_path_factory.mktemp("outside"))
    with pytest.raises(VolumePathError):
        volume.path("C:\\out\\file")


def test_writing_replaces_longer_content(volume):
    volume.write("C:\\d\\a.txt", b"long content")
    assert volume.write("C:\\D\\A.txt", b"short").read_bytes() == b"short"


@given(st.text(max_size=60))
def test_any_text_stays_below_the_root_or_is_refused(tmp_path_factory, text):
    volume = Volume(tmp_path_factory.getbasetemp())
    try:
        path = volume.path(text)
    except VolumePathError:
        return
    assert path.is_relative_to(volume.root)
    assert ".." not in path.parts


@pytest.mark.parametrize(
    ("text", "expanded"),
    [("%windir%\\x", "C:\\Windows\\x"), ("100%", "100%"), ("%no%", "%no%"),
     ("%no%SystemDrive%", "%noC:"), ("%%", "%%")],
)  # fmt: skip
def test_variables(text, expanded):
    assert expand(text) == expanded
