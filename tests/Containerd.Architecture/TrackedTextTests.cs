using System.Text;
using System.Text.RegularExpressions;

namespace Containerd.Architecture;

/// <summary>What must not be written down in the repository.</summary>
public class TrackedTextTests
{
    // Each is put together from parts, lest this file be the one that is found.
    private static readonly string[] RegistryAddresses =
        ["api" + ".nuget", "nuget" + ".org", "deb" + ".debian.", "archive" + ".ubuntu.", "registry" + ".npmjs", "/v3/" + "index.json"];

    [Test]
    public async Task No_address_of_a_package_registry() =>
        Assert.That(await FindAsync(new Regex(string.Join('|', RegistryAddresses.Select(Regex.Escape)), RegexOptions.IgnoreCase)), Is.Empty);

    [Test]
    public async Task No_path_of_a_build_machine()
    {
        var patterns = new List<string> { @"(?<![\w.-])/(home|Users)/" + @"(?!user\b)\w+/", @"[A-Z]:\\Users" + @"\\", "/work" + "/(main|wt|shared)/" };
        // This very clone's place, where it is long enough to mean nothing else.
        if (Repository.Root.Length > 5)
            patterns.Add(Regex.Escape(Repository.Root) + @"(?!\w)");
        Assert.That(await FindAsync(new Regex(string.Join('|', patterns))), Is.Empty);
    }

    [Test]
    public async Task Nothing_is_left_to_be_done_later() =>
        Assert.That(await FindAsync(new Regex(@"\b(TO" + "DO|FIX" + "ME|HA" + "CK|NotImplemented" + @"Exception)\b")), Is.Empty);

    private static async Task<List<string>> FindAsync(Regex pattern)
    {
        var found = new List<string>();
        foreach (string path in await Repository.FilesAsync())
        {
            byte[] content = await File.ReadAllBytesAsync(Path.Join(Repository.Root, path));
            if (content.AsSpan().Contains((byte)0))
                continue;
            int number = 0;
            foreach (string line in Encoding.UTF8.GetString(content).Split('\n'))
            {
                number++;
                if (pattern.Match(line) is { Success: true } match)
                    found.Add($"{path}:{number}: {match.Value}");
            }
        }
        return found;
    }
}
