"""What a web process imports at its start."""

import subprocess
import sys


def test_the_web_process_does_not_load_scikit_learn():
    program = (
        "import sys; import recsys_project.wsgi;"
        "print([name for name in ('sklearn', 'scipy.stats', 'matplotlib') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "[]"
