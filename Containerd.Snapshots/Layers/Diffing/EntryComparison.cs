using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Tells whether an entry is the same in both trees. One per walk, since it has buffers.</summary>
internal sealed class EntryComparison(CancellationToken cancellationToken)
{
    private const int BufferLength = 128 << 10;
    private const int LinkLength = 4097; // linux/limits.h PATH_MAX, and one more

    private readonly XattrSet _upperXattrs = new();
    private readonly XattrSet _lowerXattrs = new();
    private readonly byte[] _upperData = new byte[BufferLength];
    private readonly byte[] _lowerData = new byte[BufferLength];

    /// <summary>Whether nothing changed that a layer could tell. Of a directory what is in it does not count, nor its times, which that changes.</summary>
    public bool IsSame(ComparedEntry upper, ComparedEntry lower)
    {
        EntryStatus after = upper.Status, before = lower.Status;
        if (after.TypeAndMode != before.TypeAndMode || after.UserId != before.UserId || after.GroupId != before.GroupId)
            return false;
        if (after.Inode == before.Inode && after.Device == before.Device)
            return true;
        if (after.IsDirectory)
            return HaveSameXattrs(upper, lower);
        if (after.Size != before.Size || after.ModifiedSeconds != before.ModifiedSeconds || after.ModifiedNanoseconds != before.ModifiedNanoseconds
            || (ComparedEntry.IsDevice(after) && after.RepresentedDevice != before.RepresentedDevice))
        {
            return false;
        }
        if (!HaveSameXattrs(upper, lower))
            return false;
        // Times in whole seconds come from archives. What was written within the same second, or given its old time again, has them too.
        return after.ModifiedNanoseconds != 0 || HaveSameContent(upper, lower);
    }

    private bool HaveSameXattrs(ComparedEntry upper, ComparedEntry lower)
    {
        upper.ReadXattrs(_upperXattrs);
        lower.ReadXattrs(_lowerXattrs);
        return _upperXattrs.Matches(_lowerXattrs);
    }

    private bool HaveSameContent(ComparedEntry upper, ComparedEntry lower)
    {
        if (ComparedEntry.IsSymbolicLink(upper.Status))
            return upper.ReadLink(_upperData.AsSpan(0, LinkLength)).SequenceEqual(lower.ReadLink(_lowerData.AsSpan(0, LinkLength)));
        if (!upper.Status.IsRegular || upper.Status.Size == 0)
            return true;
        using SafeFileHandle after = upper.OpenFile();
        using SafeFileHandle before = lower.OpenFile();
        for (long offset = 0; offset < upper.Status.Size;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int length = (int)Math.Min(BufferLength, upper.Status.Size - offset);
            Fill(after, _upperData.AsSpan(0, length), offset, upper.Path);
            Fill(before, _lowerData.AsSpan(0, length), offset, lower.Path);
            if (!_upperData.AsSpan(0, length).SequenceEqual(_lowerData.AsSpan(0, length)))
                return false;
            offset += length;
        }
        return true;
    }

    private static void Fill(SafeFileHandle file, Span<byte> buffer, long offset, TreePath path)
    {
        while (!buffer.IsEmpty)
        {
            DiffFailure.Check(Files.Read(file, buffer, offset, out int count), "read", path.Span);
            if (count == 0)
                throw DiffFailure.Changed(path.Span);
            buffer = buffer[count..];
            offset += count;
        }
    }
}
