using System.Buffers;

namespace Containerd.Snapshots;

/// <summary>One entry of an archive, headers and extended headers put together. One object that the reader fills anew for every entry.</summary>
internal sealed class TarEntry
{
    private readonly ArrayBufferWriter<byte> _name = new(256);
    private readonly ArrayBufferWriter<byte> _linkName = new(256);

    public TarEntryType Type { get; set; }

    /// <summary>The name as the archive has it.</summary>
    public ReadOnlySpan<byte> Name => _name.WrittenSpan;

    /// <summary>The target of a link as the archive has it.</summary>
    public ReadOnlySpan<byte> LinkName => _linkName.WrittenSpan;

    /// <summary>The number of bytes stored in the archive.</summary>
    public long StoredSize { get; set; }

    /// <summary>Where the stored bytes belong; null where they are the whole file.</summary>
    public SparseMap? Sparse { get; set; }

    public int Mode { get; set; }

    public uint Uid { get; set; }

    public uint Gid { get; set; }

    public Interop.FileTime ModifyTime { get; set; }

    public Interop.FileTime AccessTime { get; set; }

    public uint DeviceMajor { get; set; }

    public uint DeviceMinor { get; set; }

    /// <summary>The extended attributes, in order; of two with one name the last holds.</summary>
    public required PaxRecords Xattrs { get; init; }

    public bool HasXattrs => Xattrs.XattrCount > 0 || Xattrs.HasUnknownAcl;

    public void SetName(ReadOnlySpan<byte> directory, ReadOnlySpan<byte> name)
    {
        _name.ResetWrittenCount();
        if (!directory.IsEmpty)
        {
            _name.Write(directory);
            _name.Write("/"u8);
        }
        _name.Write(name);
    }

    public void SetLinkName(ReadOnlySpan<byte> name)
    {
        _linkName.ResetWrittenCount();
        _linkName.Write(name);
    }
}
