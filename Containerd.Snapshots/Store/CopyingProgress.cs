namespace Containerd.Snapshots;

/// <summary>Tells the progress of a copy as that of a snapshotter.</summary>
internal sealed class CopyingProgress(IProgress<SnapshotProgress> progress) : IProgress<FileTreeCopyProgress>
{
    public static CopyingProgress? Of(IProgress<SnapshotProgress>? progress) => progress is null ? null : new CopyingProgress(progress);

    public void Report(FileTreeCopyProgress value) => progress.Report(new SnapshotProgress(SnapshotWork.Copying, value.Entries, null));
}
