using System.Text.RegularExpressions;

namespace Containerd;

/// <summary>containerd's identifiers (X-3): names of containers and namespaces that are safe as a file name, an argument and a cgroup's name, and legal for every runtime.</summary>
internal static partial class Identifier
{
    private const int MaxLength = 76;

    public static bool IsValid(string name) => name.Length <= MaxLength && Pattern().IsMatch(name);

    public static void Check(string name, string what)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!IsValid(name))
        {
            throw new ContainerdException(
                ErrorKind.InvalidArgument,
                $"'{Excerpt.Of(name)}' is no {what}: 1 to {MaxLength} letters and digits, single '.', '_' or '-' between them.")
            {
                Subject = name,
            };
        }
    }

    [GeneratedRegex(@"\A[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
