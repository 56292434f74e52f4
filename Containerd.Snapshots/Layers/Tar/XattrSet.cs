using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>The extended attributes of a file that belong in a layer, in the order of their names. One object that is filled anew for every file.</summary>
internal sealed class XattrSet : IComparer<(int Start, int Length)>
{
    private const int MaxListBytes = 64 << 10, MaxValueBytes = 64 << 10; // linux/limits.h XATTR_LIST_MAX, XATTR_SIZE_MAX

    private readonly List<(int Start, int Length)> _names = [];
    private readonly List<int> _ends = [];
    private readonly byte[] _list = new byte[MaxListBytes];
    private byte[] _values = new byte[1024];

    /// <summary>What more than this needs is refused: no reader takes longer extended headers than 1 MiB, and the applier here half of that.</summary>
    public const int MaxBytes = 256 << 10;

    public int Count => _names.Count;

    public void Clear()
    {
        _names.Clear();
        _ends.Clear();
    }

    /// <summary>Takes the attributes of a file, which may be known by a path handle.</summary>
    /// <returns>False where they are too many, or changed while they were read.</returns>
    public bool TryRead(SafeFileHandle file, out FileResult failure)
    {
        Clear();
        failure = Xattr.List(file, _list, out int length);
        if (failure.Unsupported)
        {
            failure = FileResult.Success;
            return true;
        }
        if (!failure.Ok)
            return false;
        Collect(_list.AsSpan(0, length));
        int end = 0;
        foreach ((int start, int nameLength) in _names)
        {
            ReadOnlySpan<byte> name = _list.AsSpan(start, nameLength);
            if (_values.Length - end < MaxValueBytes)
                Array.Resize(ref _values, end + Math.Max(MaxValueBytes, end));
            failure = Xattr.Get(file, name, _values.AsSpan(end), out int valueLength);
            if (!failure.Ok)
                return false;
            end += valueLength;
            _ends.Add(end);
            if (end + length > MaxBytes)
                return false;
        }
        return true;
    }

    public void Get(int index, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        name = _list.AsSpan(_names[index].Start, _names[index].Length);
        int start = index == 0 ? 0 : _ends[index - 1];
        value = _values.AsSpan(start, _ends[index] - start);
    }

    public bool Matches(XattrSet other)
    {
        if (Count != other.Count)
            return false;
        for (int i = 0; i < Count; i++)
        {
            Get(i, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value);
            other.Get(i, out ReadOnlySpan<byte> otherName, out ReadOnlySpan<byte> otherValue);
            if (!name.SequenceEqual(otherName) || !value.SequenceEqual(otherValue))
                return false;
        }
        return true;
    }

    int IComparer<(int Start, int Length)>.Compare((int Start, int Length) x, (int Start, int Length) y) =>
        _list.AsSpan(x.Start, x.Length).SequenceCompareTo(_list.AsSpan(y.Start, y.Length));

    private void Collect(ReadOnlySpan<byte> list)
    {
        for (int at = 0; at < list.Length;)
        {
            int length = list[at..].IndexOf((byte)0);
            if (XattrPolicy.Allows(list.Slice(at, length), securityLabels: false))
                _names.Add((at, length));
            at += length + 1;
        }
        if (_names.Count > 1)
            CollectionsMarshal.AsSpan(_names).Sort(this);
    }
}
