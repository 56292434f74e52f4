namespace Containerd.Snapshots;

internal static class TreeCopy
{
    public static void Copy(string source, string destination, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{source} {destination} {progress} {cancellationToken}");
}
