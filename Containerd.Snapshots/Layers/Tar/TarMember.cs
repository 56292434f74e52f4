namespace Containerd.Snapshots;

/// <summary>What the header of an entry says besides its names. Times are whole seconds since 1970, before it too.</summary>
internal readonly record struct TarMember(TarEntryType Type)
{
    public int Mode { get; init; }

    public uint Uid { get; init; }

    public uint Gid { get; init; }

    public long Size { get; init; }

    public long ModifySeconds { get; init; }

    public uint DeviceMajor { get; init; }

    public uint DeviceMinor { get; init; }
}
