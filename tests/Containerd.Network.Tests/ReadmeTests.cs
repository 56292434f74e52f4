using System.Runtime.CompilerServices;

namespace Containerd.Network.Tests;

[TestFixture]
public sealed class ReadmeTests
{
    [Test]
    public void The_example_is_the_one_that_compiles() =>
        Assert.That(Code("Containerd.Network/README.md", "```csharp", "```"), Is.EqualTo(
            Code("tests/Containerd.Network.Tests/ReadmeExample.cs", "    {", "    }")));

    private static string Code(string file, string first, string last, [CallerFilePath] string here = "")
    {
        string root = Path.GetFullPath(Path.Join(Path.GetDirectoryName(here), "..", ".."));
        IEnumerable<string> lines = File.ReadLines(Path.Join(root, file)).SkipWhile(line => line != first).Skip(1).TakeWhile(line => line != last);
        return string.Join('\n', lines.Select(line => line.StartsWith("        ", StringComparison.Ordinal) ? line[8..] : line.Trim(' ') == "" ? "" : line)
            .Select(line => line.TrimStart(' ')));
    }
}
