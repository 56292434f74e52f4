using System.Globalization;

namespace Containerd.Network;

/// <summary>Says which link is meant, by name or by index. Strings, indexes and <see cref="Link"/>s convert to it.</summary>
/// <remarks>A name can pass to another link between two calls, an index is not given again while the namespace lives:
/// prefer the
/// <see cref="Link"/> that a call returned.</remarks>
public readonly record struct LinkReference
{
    private LinkReference(string? name, int index)
    {
        Name = name;
        Index = index;
    }

    /// <summary>The name or alternative name (1 to 127 bytes); null where the index is given.</summary>
    public string? Name { get; }

    /// <summary>The index, from 1; 0 where the name is given.</summary>
    public int Index { get; }

    /// <summary>The link of a name.</summary>
    /// <param name="name">Its name (1 to 15 bytes) or alternative name (1 to 127 bytes).</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.InvalidArgument"/>: no link can have the name.</exception>
    public static LinkReference ByName(string name)
    {
        LinkName.CheckLookup(name);
        return new LinkReference(name, 0);
    }

    /// <summary>The link of an index.</summary>
    /// <param name="index">Its index, from 1.</param>
    public static LinkReference ByIndex(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        return new LinkReference(null, index);
    }

    /// <summary>As <see cref="ByName"/>.</summary>
    /// <param name="name">Its name.</param>
    public static implicit operator LinkReference(string name) => ByName(name);

    /// <summary>As <see cref="ByIndex"/>.</summary>
    /// <param name="index">Its index.</param>
    public static implicit operator LinkReference(int index) => ByIndex(index);

    /// <summary>The link itself, by its index.</summary>
    /// <param name="link">The link.</param>
    public static implicit operator LinkReference(Link link)
    {
        ArgumentNullException.ThrowIfNull(link);
        return ByIndex(link.Index);
    }

    /// <summary>The name, or the index with a number sign.</summary>
    public override string ToString() => Name ?? string.Create(CultureInfo.InvariantCulture, $"#{Index}");

    /// <summary>Refuses <c>default</c>, which means no link.</summary>
    internal void Check()
    {
        if (Name is null && Index == 0)
            throw new ArgumentException("The reference names no link.");
    }
}
