"""What can go wrong, as types. Each message gives the value, the reason and the way out.

GeoglmError
├── SceneError            the input
│   ├── SceneNotFound     no such file
│   ├── SceneUnreadable   not a raster, truncated, or failing while read
│   ├── SceneUnreachable  a scene elsewhere that its server does not give
│   ├── SceneChanged      another one than when the run began
│   └── SceneMismatch     readable, but not what the model takes
├── FileRefused           a file that might do harm, or is of a kind that is not opened
├── ProjUnusable          no database that tells what a CRS is
├── ModelError            the model package
│   ├── UnknownModel      no package of that name
│   ├── BadPackage        the package is damaged or inconsistent
│   └── RefusedModel      a model from outside that is not taken in
├── MissingExtra          a part of geoglm that is installed only when asked for
├── PlanError             tiles, halo and memory that do not fit together
├── OutOfMemory           less memory than the smallest plan takes
├── ClusterError          the cluster cannot be reached or has failed
├── TrainingError         training that cannot begin or go on
│   └── CheckpointMismatch   the folder holds another training
├── AreaOfInterestError   the --aoi file
├── TargetError           the place to be explained
├── LabelError            the reference labels
├── SeriesError           dates that make no series, or what is taken for granted of them
└── OutputError           the place written to
└── OutputBusy        another run is writing there
"""

from __future__ import annotations

from pathlib import Path


class GeoglmError(Exception):
    """Anything that geoglm refuses, said in one line."""

    def __str__(self) -> str:
        return " ".join(str(a) for a in self.args)


class SceneError(GeoglmError):
    """The scene cannot be used."""


class SceneNotFound(SceneError):
    """There is no file at the path."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)

    def __str__(self) -> str:
        return f"{self.args[0]}: no such file; check the path"


class SceneUnreadable(SceneError):
    """The file is no raster that geoglm reads, or it is damaged."""

    def __init__(self, path: object, why: str) -> None:
        super().__init__(path, " ".join(why.split()))

    def __str__(self) -> str:
        path, why = self.args
        return f"{path}: cannot be read as a raster: {why}"


class SceneUnreachable(SceneError):
    """A scene on another machine cannot be had."""

    def __init__(self, scene: str, why: str) -> None:
        super().__init__(scene, " ".join(why.split()))

    def __str__(self) -> str:
        scene, why = self.args
        return f"{scene}: cannot be reached: {why}"


class SceneMismatch(SceneError):
    """The scene can be read but is not what the model was made for."""


class FileRefused(GeoglmError):
    """A file is not opened: it might do harm, or is of a kind that nobody asked for."""

    def __init__(self, path: object, why: str) -> None:
        super().__init__(str(path), " ".join(why.split()))

    def __str__(self) -> str:
        path, why = self.args
        return f"{path}: is not opened: {why}"


class SceneChanged(SceneError):
    """The scene became another one while it was read."""

    def __init__(self, scene: object) -> None:
        super().__init__(scene)

    def __str__(self) -> str:
        return f"{self.args[0]}: was changed or replaced while it was read; run the same command again when it is whole"


class ProjUnusable(GeoglmError):
    """PROJ has no database, or one of another version: no CRS would be understood."""

    def __init__(self, strays: dict[str, str]) -> None:
        super().__init__(strays)

    def __str__(self) -> str:
        if not self.args[0]:
            return "PROJ finds no database, so no CRS is understood; reinstall rasterio"
        told = " and ".join(f"{name}={place}" for name, place in self.args[0].items())
        return f"{told}: GDAL finds no PROJ database there that it can use, so no CRS is understood; unset it"


class ModelError(GeoglmError):
    """The model cannot be used."""


class UnknownModel(ModelError):
    """No package has the name and no folder the path."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)

    def __str__(self) -> str:
        from difflib import get_close_matches

        name, known = self.args
        near = get_close_matches(name, known, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        return (
            f"model {name!r} is not known{meant}; there are: {', '.join(known)}; or give the path of a package folder"
        )


class BadPackage(ModelError):
    """A model package is damaged, incomplete or not what its card says."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, " ".join(why.split()))

    def __str__(self) -> str:
        path, why = self.args
        return f"{path}: not a usable model package: {why}"


EXTRAS = {
    "torch": "train",
    "torchvision": "train",
    "segmentation_models_pytorch": "train",
    "timm": "train",
    "safetensors": "train",
    "onnx": "compress",
    "onnxscript": "compress",
    "nncf": "compress",
    "distributed": "cluster",
    "starlette": "view",
    "uvicorn": "view",
    "xstatic": "view",
    "h5py": "netcdf",
    "h5netcdf": "netcdf",
}
"""Module → the extra of geoglm that brings it."""


class MissingExtra(GeoglmError):
    """Something needs a library that is installed only when asked for."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(module, extra)

    @classmethod
    def of(cls, error: ModuleNotFoundError) -> MissingExtra:
        """For a failed import.

        Raises:
            ModuleNotFoundError: it is of a module that no extra would bring.
        """
        module = (error.name or "").split(".")[0]
        if module not in EXTRAS:
            raise error
        return cls(module, EXTRAS[module])

    def __str__(self) -> str:
        module, extra = self.args
        return f"this needs {module}, which is not installed; pip install 'geoglm[{extra}]' brings it"


class RefusedModel(ModelError):
    """A model from outside is not taken in as a package."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, " ".join(why.split()))

    def __str__(self) -> str:
        path, why = self.args
        return f"{path}: cannot be taken in as a model: {why}"


class PlanError(GeoglmError):
    """Patch, halo, shard and memory do not fit together."""


class OutOfMemory(GeoglmError):
    """There is less memory than the plan takes, on the CPU or the GPU."""

    def __init__(self, patch_px: int, workers: int) -> None:
        super().__init__(patch_px, workers)

    def __str__(self) -> str:
        patch, workers = self.args
        return (
            f"memory ran out, with patches of {patch} px and {workers} at a time as well; give a smaller --patch, or "
            "close other programs and run the same command again"
        )


class ClusterError(GeoglmError):
    """The cluster that is to do the work cannot be reached or has failed."""


class TrainingError(GeoglmError):
    """A training cannot begin or go on."""


class CheckpointMismatch(TrainingError):
    """The checkpoint in the folder is of a training on other terms."""

    def __init__(self, path: Path, there: str, asked: str) -> None:
        super().__init__(path, there, asked)

    def __str__(self) -> str:
        path, there, asked = self.args
        return (
            f"{path}: an earlier training on other terms: {there}, asked for {asked}; go on with the same terms, or "
            "delete the file, or choose another folder"
        )


class AreaOfInterestError(GeoglmError):
    """The polygons of ``--aoi`` cannot be used."""


class TargetError(GeoglmError):
    """The place whose class is to be explained is none of the scene's."""


class LabelError(GeoglmError):
    """The reference labels cannot be used with the scene."""


class SeriesError(GeoglmError):
    """Dates that make no series, or a likelihood that is none."""


class OutputError(GeoglmError):
    """The results cannot be written where they should be."""


class OutputBusy(OutputError):
    """Another run is writing to the same place."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)

    def __str__(self) -> str:
        return f"{self.args[0]}: another geoglm run is writing there; wait for it or choose another -o"
