"""Moving bytes: uploads and downloads of any size, in parallel, verified, resumed."""

from __future__ import annotations

from trialbook.transfer.download import download_file
from trialbook.transfer.failures import Damaged, FileChanged, StoreRefused, UnsafePath
from trialbook.transfer.get import SignedUrl
from trialbook.transfer.progress import Progress, ShowProgress
from trialbook.transfer.routes import UploadRoutes
from trialbook.transfer.run_files import download_run_file, upload_run_file
from trialbook.transfer.upload import Uploaded, upload_file

__all__ = [
    "Damaged",
    "FileChanged",
    "Progress",
    "ShowProgress",
    "SignedUrl",
    "StoreRefused",
    "UnsafePath",
    "UploadRoutes",
    "Uploaded",
    "download_file",
    "download_run_file",
    "upload_file",
    "upload_run_file",
]
