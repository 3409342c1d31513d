#!/usr/bin/env bash
# Builds the wheel, looks into it, installs it into an empty environment and trains with it.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf build/wheel && mkdir -p build/wheel
pip=(-m pip --quiet --disable-pip-version-check)

.venv/bin/python "${pip[@]}" wheel --no-deps --no-build-isolation --wheel-dir build/wheel .
wheel=$(ls build/wheel/*.whl)
.venv/bin/python - "$wheel" <<'PY'
import sys, zipfile
names = zipfile.ZipFile(sys.argv[1]).namelist()
native = [n for n in names if n.startswith("lampas/_C") and n.endswith((".so", ".pyd"))]
assert len(native) == 1, f"one extension module wanted, found {native}"
odd = [n for n in names if not n.startswith(("lampas/", "lampas-"))]
assert not odd, f"files outside the package: {odd}"
print(f"{sys.argv[1]}: {len(names)} files")
PY

python3=$(.venv/bin/python -c 'import sys; print(getattr(sys, "_base_executable", sys.executable))')
"$python3" -m venv build/wheel/venv
build/wheel/venv/bin/python "${pip[@]}" install "$wheel"
cd build/wheel
venv/bin/python - <<'PY'
import lampas
from lampas import nn
lampas.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = lampas.optim.SGD(net.parameters(), lr=0.1)
x, y = lampas.randn(64, 4), lampas.randint(0, 2, (64,))
losses = []
for _ in range(50):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert losses[-1] < losses[0], losses
print(f"trained from {losses[0]:.3f} to {losses[-1]:.3f} with {lampas.__file__}")
PY
venv/bin/lampas doctor
