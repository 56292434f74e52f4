namespace Containerd.Snapshots;

/// <summary>The path of what is being looked at, relative to the roots, as bytes with a NUL behind them. One buffer for the whole walk.</summary>
internal sealed class TreePath
{
    /// <summary>The longest path, which with its NUL is the kernel's longest (linux/limits.h PATH_MAX).</summary>
    public const int MaxLength = 4095;

    private readonly byte[] _bytes = new byte[MaxLength + 1];
    private int _length;

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, _length);

    /// <summary>With a NUL behind it.</summary>
    public ReadOnlySpan<byte> Terminated => _bytes.AsSpan(0, _length + 1);

    public int Length => _length;

    /// <summary>Goes to an entry of a directory.</summary>
    /// <param name="directoryLength">The length of the directory's own path.</param>
    /// <param name="name">The entry's name.</param>
    public void Set(int directoryLength, ReadOnlySpan<byte> name)
    {
        int start = directoryLength == 0 ? 0 : directoryLength + 1;
        if (start + name.Length > MaxLength)
            throw DiffFailure.TooLong(_bytes.AsSpan(0, directoryLength), MaxLength);
        if (directoryLength > 0)
            _bytes[directoryLength] = (byte)'/';
        name.CopyTo(_bytes.AsSpan(start));
        _length = start + name.Length;
        _bytes[_length] = 0;
    }
}
