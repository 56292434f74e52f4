using System.Text;

namespace Containerd.Network;

/// <summary>The rules of the kernel for names of links (dev_valid_name), and ours: no template, since nobody could tell
/// what it became.</summary>
internal static class LinkName
{
    // linux/uapi/linux/if.h, with the NUL: IFNAMSIZ, ALTIFNAMSIZ, IFALIASZ
    public const int MaxBytes = 15;
    public const int MaxAlternativeBytes = 127;
    public const int MaxAliasBytes = 255;

    public static void Check(string name) => Check(name, MaxBytes);

    public static void CheckLookup(string name) => Check(name, MaxAlternativeBytes);

    public static bool IsPrimary(string name) => Encoding.UTF8.GetByteCount(name) <= MaxBytes;

    public static void CheckAlias(string alias)
    {
        ArgumentNullException.ThrowIfNull(alias);
        if (Encoding.UTF8.GetByteCount(alias) > MaxAliasBytes || alias.Contains('\0', StringComparison.Ordinal))
        {
            throw new ContainerdException(
                ErrorKind.InvalidArgument, $"'{Excerpt.Of(alias)}' is no alias of a link: at most {MaxAliasBytes} bytes of UTF-8, no NUL.")
            {
                Subject = alias,
            };
        }
    }

    private static void Check(string name, int maxBytes)
    {
        ArgumentNullException.ThrowIfNull(name);
        bool valid = name.Length > 0
            && name is not ("." or "..")
            && Encoding.UTF8.GetByteCount(name) <= maxBytes
            && !name.AsSpan().ContainsAny("/:%\0")
            && !name.Any(char.IsWhiteSpace);
        if (!valid)
        {
            throw new ContainerdException(
                ErrorKind.InvalidArgument,
                $"'{Excerpt.Of(name)}' is no name of a link: 1 to {maxBytes} bytes of UTF-8, no '/', ':', '%' or white space, not '.' or '..'.")
            {
                Subject = name,
            };
        }
    }
}
