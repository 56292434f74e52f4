using System.Text;

namespace Containerd.Snapshots;

/// <summary>The syntax of patterns, as moby/patternmatcher has it.</summary>
public sealed class PathSelectionTests
{
    [TestCase("**", "file", true)]
    [TestCase("**/", "dir/file", true)]
    [TestCase("**/**", "dir/file", true)]
    [TestCase("dir/**", "dir/file", true)]
    [TestCase("dir/**", "dir", false)]
    [TestCase("dir/**", "dir/dir2/file", true)]
    [TestCase("**/dir", "dir", true)]
    [TestCase("**/dir", "a/b/dir/file", true)]
    [TestCase("**/dir2/*", "dir/dir2/dir2/file", true)]
    [TestCase("**/dir2/*", "dir/dir2", false)]
    [TestCase("**file", "dir/file", true)]
    [TestCase("**file", "dir/dir/fil", false)]
    [TestCase("**/file*.txt", "dir/filexyz.txt", true)]
    [TestCase("**/file*txt*.pdf", "dir/file.txt.pd", false)]
    [TestCase("a/**/b", "a/b", true)]
    [TestCase("a/**/b", "a/x/y/b", true)]
    [TestCase("a/**/b", "a/xb", false)]
    [TestCase("a**/*a", "aa", true)]
    [TestCase("a[b-d]e", "ace", true)]
    [TestCase("a[b-d]e", "aee", false)]
    [TestCase("a[^b-d]e", "aee", true)]
    [TestCase("a[^b-d]e", "ace", false)]
    [TestCase("a?c", "abc", true)]
    [TestCase("a?c", "a/c", false)]
    [TestCase("a?c", "aéc", true)]
    [TestCase("a*c", "a/c", false)]
    [TestCase("a.c", "abc", false)]
    [TestCase("a\\*c", "a*c", true)]
    [TestCase("a\\*c", "abc", false)]
    [TestCase("[\\]a]", "]", true)]
    [TestCase("/dir", "dir", true)]
    [TestCase("dir/", "dir", true)]
    [TestCase("./dir//x/../file", "dir/file", true)]
    [TestCase("../dir", "dir", false)]
    [TestCase(" dir ", "dir", true)]
    [TestCase("dir", "dirt", false)]
    [TestCase("dir", "a/dir", false)]
    [TestCase(".", "file", false)]
    [TestCase("", "file", false)]
    public void PatternsMatch(string pattern, string path, bool matches)
    {
        (bool isSelected, bool isReached) = Walk(new PathSelection(new FileTreeCopyOptions { Exclude = [pattern] }), path);
        Assert.That(isSelected, Is.EqualTo(!matches));
        Assert.That(isReached || matches);
        if (pattern.Trim() is "" or ".")
            return;
        (isSelected, isReached) = Walk(new PathSelection(new FileTreeCopyOptions { Include = [pattern] }), path);
        Assert.That(isSelected, Is.EqualTo(matches));
        // What is selected must be found: no directory above it may be passed over.
        Assert.That(isReached || !matches);
    }

    [TestCase("a !a/b", "a/b/c", false)]
    [TestCase("a !a/b a/b/c", "a/b/c", true)]
    [TestCase("* !a", "a/b", false)]
    [TestCase("!a a", "a", true)]
    [TestCase("** !**/keep", "x/y/keep", false)]
    [TestCase("a !a/*/c", "a/b/c", false)]
    public void TheLastMatchDecides(string patterns, string path, bool excluded)
    {
        (bool isSelected, bool isReached) = Walk(new PathSelection(new FileTreeCopyOptions { Exclude = patterns.Split(' ') }), path);
        Assert.That(isSelected, Is.EqualTo(!excluded));
        Assert.That(isReached || excluded);
    }

    [Test]
    public void BytesThatAreNoTextAreOneCharacterEach()
    {
        var selection = new PathSelection(new FileTreeCopyOptions { Exclude = ["a??c"] });
        Assert.That(selection.Selects(selection.Start, [(byte)'a', 0xFF, 0xFE, (byte)'c']), Is.False);
    }

    [Test]
    public void NoNameMakesAPatternSlow()
    {
        var selection = new PathSelection(new FileTreeCopyOptions { Exclude = [string.Concat(Enumerable.Repeat("*a", 60)) + "b"] });
        Assert.That(selection.Selects(selection.Start, Encoding.ASCII.GetBytes(new string('a', 255))), Is.True);
    }

    private static (bool IsSelected, bool IsReached) Walk(PathSelection selection, string path)
    {
        string[] names = path.Split('/');
        SelectionState state = selection.Start;
        bool isReached = true;
        foreach (string name in names[..^1])
        {
            byte[] bytes = Encoding.UTF8.GetBytes(name);
            bool isSelected = selection.Selects(state, bytes);
            state = selection.Enter(state, bytes);
            isReached &= isSelected || selection.MayContain(state);
        }
        return (selection.Selects(state, Encoding.UTF8.GetBytes(names[^1])), isReached);
    }
}
