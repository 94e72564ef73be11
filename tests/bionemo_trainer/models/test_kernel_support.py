"""Our kernels run where Triton does."""

from bionemo_trainer.models.kernel_support import triton_works


def test_what_triton_lacks_is_said_once(monkeypatch, caplog):
    monkeypatch.setenv("PATH", "")
    triton_works.cache_clear()
    assert [triton_works(), triton_works()] == [False, False]
    triton_works.cache_clear()
    assert [record.getMessage() for record in caplog.records] == [
        "training runs slower than it could: a C compiler (gcc or clang) is missing; install it in the image"
    ]
