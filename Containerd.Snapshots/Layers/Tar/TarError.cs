namespace Containerd.Snapshots;

/// <summary>Makes the exceptions for archives that are not what they must be.</summary>
internal static class TarError
{
    public static ContainerdException Damaged(string reason) =>
        new(ErrorKind.DataCorrupted, $"Cannot read the layer's archive: {reason}. Fetch the layer again.");

    public static ContainerdException Truncated() => Damaged("it ends in the middle of an entry");

    public static ContainerdException Invalid(string reason, ReadOnlySpan<byte> name)
    {
        string safe = ArchiveText.Safe(name);
        return new ContainerdException(ErrorKind.InvalidArgument, $"Cannot apply the layer's entry '{safe}': {reason}.") { Subject = safe };
    }

    public static ContainerdException Unsupported(string reason, ReadOnlySpan<byte> name)
    {
        string safe = ArchiveText.Safe(name);
        return new ContainerdException(ErrorKind.NotSupported, $"Cannot apply the layer's entry '{safe}': {reason}.") { Subject = safe };
    }
}
