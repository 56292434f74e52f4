using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>The names in a directory, in the order of their bytes, each with a NUL behind it.</summary>
internal sealed class DirectoryNames : IComparer<(int Start, int Length)>
{
    private readonly List<(int Start, int Length)> _names = [];
    private byte[] _bytes = [];
    private int _used, _next;

    /// <summary>The first name that was not taken yet; empty at the end.</summary>
    public ReadOnlyMemory<byte> Current => _next < _names.Count ? _bytes.AsMemory(_names[_next].Start, _names[_next].Length) : default;

    public void Add(SafeFileHandle directory, string subject) => DirectoryListing.Visit(directory, subject, (terminatedName, _) =>
    {
        if (_bytes.Length - _used < terminatedName.Length)
            Array.Resize(ref _bytes, Math.Max(1024, Math.Max(2 * _bytes.Length, _used + terminatedName.Length)));
        terminatedName.CopyTo(_bytes.AsSpan(_used));
        _names.Add((_used, terminatedName.Length));
        _used += terminatedName.Length;
    });

    public void Sort() => CollectionsMarshal.AsSpan(_names).Sort(this);

    /// <summary>Passes the current name, however often it is there.</summary>
    public void Advance()
    {
        ReadOnlySpan<byte> name = Current.Span;
        do
            _next++;
        while (_next < _names.Count && Current.Span.SequenceEqual(name));
    }

    // The NUL counts as a byte like any other, and is the smallest: the order is that of the names.
    int IComparer<(int Start, int Length)>.Compare((int Start, int Length) x, (int Start, int Length) y) =>
        _bytes.AsSpan(x.Start, x.Length).SequenceCompareTo(_bytes.AsSpan(y.Start, y.Length));
}
