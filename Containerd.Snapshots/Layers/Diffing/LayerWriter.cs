using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Writes the entries of a layer .</summary>
internal sealed class LayerWriter(TarWriter tar, long? sourceDate, CancellationToken cancellationToken)
{
    private const int LinkLength = 4097; // linux/limits.h PATH_MAX, and one more
    private const int ChunkLength = 128 << 10;

    private readonly byte[] _name = new byte[TreePath.MaxLength + 16];
    private readonly byte[] _link = new byte[LinkLength];

    /// <summary>The number of entries, whiteouts included.</summary>
    public long Entries { get; private set; }

    private static ReadOnlySpan<byte> OpaqueMarker => ".wh..wh..opq"u8;

    public void WriteDirectory(ReadOnlySpan<byte> path, in EntryStatus status, XattrSet xattrs)
    {
        CheckName(path);
        path.CopyTo(_name);
        _name[path.Length] = (byte)'/';
        Write(MemberOf(status), _name.AsSpan(0, path.Length + 1), default, xattrs);
    }

    /// <summary>Says that something is there no more.</summary>
    public void WriteWhiteout(ReadOnlySpan<byte> path)
    {
        int name = path.LastIndexOf((byte)'/') + 1;
        path[..name].CopyTo(_name);
        WhiteoutWriter.Prefix.CopyTo(_name.AsSpan(name));
        path[name..].CopyTo(_name.AsSpan(name + WhiteoutWriter.Prefix.Length));
        Span<byte> marker = _name.AsSpan(0, path.Length + WhiteoutWriter.Prefix.Length);
        if (marker[name..].SequenceEqual(OpaqueMarker))
            throw DiffFailure.OpaqueName(path);
        Write(new TarMember(TarEntryType.RegularFile), marker, default, null);
    }

    /// <summary>Says that nothing of what was in a directory is there any more.</summary>
    public void WriteOpaque(ReadOnlySpan<byte> path)
    {
        path.CopyTo(_name);
        _name[path.Length] = (byte)'/';
        OpaqueMarker.CopyTo(_name.AsSpan(path.Length + 1));
        Write(new TarMember(TarEntryType.RegularFile), _name.AsSpan(0, path.Length + 1 + OpaqueMarker.Length), default, null);
    }

    /// <summary>Writes a further name of a file whose data the layer has already.</summary>
    public void WriteLink(ReadOnlySpan<byte> path, ReadOnlySpan<byte> first, in EntryStatus status)
    {
        CheckName(path);
        Write(MemberOf(status) with { Type = TarEntryType.HardLink, Size = 0, DeviceMajor = 0, DeviceMinor = 0 }, path, first, null);
    }

    /// <summary>Writes a symbolic link, a device or a fifo.</summary>
    public void WriteSpecial(ComparedEntry entry, XattrSet xattrs)
    {
        CheckName(entry.Path.Span);
        if (entry.Status.IsWhiteout)
            throw DiffFailure.DeviceZero(entry.Path.Span);
        entry.ReadXattrs(xattrs);
        Write(
            MemberOf(entry.Status) with { Size = 0 },
            entry.Path.Span,
            ComparedEntry.IsSymbolicLink(entry.Status) ? entry.ReadLink(_link) : default,
            xattrs);
    }

    /// <summary>Writes a regular file, open for reading.</summary>
    public async ValueTask WriteFileAsync(TreePath path, SafeFileHandle file, XattrSet xattrs)
    {
        EntryStatus status = Begin(path, file, xattrs);
        for (long offset = 0; offset < status.Size;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int count = Read(path, file, offset, status.Size);
            if (count == 0)
                throw DiffFailure.Changed(path.Span);
            offset += count;
            await FlushAsync().ConfigureAwait(false);
        }
        tar.Pad(status.Size);
        CheckUnchanged(path, file, status);
    }

    /// <summary>Hands on what was written, once that is worth it.</summary>
    public ValueTask FlushAsync() => tar.FlushAsync(isEnd: false, cancellationToken);

    public ValueTask EndAsync()
    {
        tar.WriteEnd();
        return tar.FlushAsync(isEnd: true, cancellationToken);
    }

    private EntryStatus Begin(TreePath path, SafeFileHandle file, XattrSet xattrs)
    {
        CheckName(path.Span);
        int errno = Sys.Status(file, "\0"u8, out EntryStatus status);
        if (errno != 0)
            throw DiffFailure.OfCall("look at", path.Span, errno);
        ComparedEntry.ReadXattrs(xattrs, file, path.Span);
        Write(MemberOf(status), path.Span, default, xattrs);
        return status;
    }

    private int Read(TreePath path, SafeFileHandle file, long offset, long end)
    {
        Span<byte> room = tar.GetMemory().Span;
        room = room[..(int)Math.Min(Math.Min(room.Length, ChunkLength), end - offset)];
        DiffFailure.Check(Files.Read(file, room, offset, out int count), "read", path.Span);
        tar.Advance(count);
        return count;
    }

    // A file that was written to, in place even, may be in the layer as it never was.
    private static void CheckUnchanged(TreePath path, SafeFileHandle file, in EntryStatus before)
    {
        int errno = Sys.Status(file, "\0"u8, out EntryStatus after);
        if (errno != 0)
            throw DiffFailure.OfCall("look at", path.Span, errno);
        if (after.Size != before.Size
            || after.ModifiedSeconds != before.ModifiedSeconds || after.ModifiedNanoseconds != before.ModifiedNanoseconds
            || after.ChangedSeconds != before.ChangedSeconds || after.ChangedNanoseconds != before.ChangedNanoseconds)
        {
            throw DiffFailure.Changed(path.Span);
        }
    }

    private void Write(in TarMember member, ReadOnlySpan<byte> name, ReadOnlySpan<byte> linkName, XattrSet? xattrs)
    {
        tar.WriteHeader(member, name, linkName, xattrs);
        Entries++;
    }

    private TarMember MemberOf(in EntryStatus status) => new(ComparedEntry.TarTypeOf(status))
    {
        Mode = status.Permissions,
        Uid = status.UserId,
        Gid = status.GroupId,
        Size = status.IsRegular ? status.Size : 0,
        ModifySeconds = Math.Min(status.ModifiedSeconds, sourceDate ?? long.MaxValue),
        DeviceMajor = ComparedEntry.IsDevice(status) ? (uint)(status.RepresentedDevice >> 32) : 0,
        DeviceMinor = ComparedEntry.IsDevice(status) ? (uint)status.RepresentedDevice : 0,
    };

    private static void CheckName(ReadOnlySpan<byte> path)
    {
        if (path[(path.LastIndexOf((byte)'/') + 1)..].StartsWith(WhiteoutWriter.Prefix))
            throw DiffFailure.WhiteoutName(path);
    }
}
