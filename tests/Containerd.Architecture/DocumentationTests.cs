using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Containerd.Architecture;

/// <summary>Public documentation is there, and says more than the name does.</summary>
public partial class DocumentationTests
{
    private static readonly HashSet<string> Fillers =
    [
        "a", "an", "and", "as", "by", "for", "from", "get", "gets", "in", "instance", "is", "it", "its", "of", "on", "or",
        "represents", "return", "returns", "set", "sets", "that", "the", "this", "to", "value", "whether", "which", "with",
    ];

    [TestCaseSource(typeof(Repository), nameof(Repository.PackableProjects))]
    public void Every_public_type_and_member_is_documented(string package)
    {
        Dictionary<string, XElement[]> documented = Documentation(package);
        var missing =
            from id in PublicIds(package)
            where !documented.ContainsKey(id.Name) && !IsPositional(documented, id)
            select id.Name;

        Assert.That(missing, Is.Empty);
    }

    [TestCaseSource(typeof(Repository), nameof(Repository.PackableProjects))]
    public void Every_summary_says_more_than_the_name(string package)
    {
        Dictionary<string, XElement[]> documented = Documentation(package);
        var restated =
            from id in PublicIds(package)
            from element in documented.GetValueOrDefault(id.Name, [])
            where !element.Elements("inheritdoc").Any()
            // The name of a test is a sentence; there is nothing to say beyond it.
            where !IsTest(id.Type, ShortName(id.Name))
            let summary = element.Element("summary")
            where summary is null || Words(Text(summary)).All(word => Words(ShortName(id.Name)).Contains(word))
            select $"{id.Name}: \"{(summary is null ? "no summary" : Text(summary))}\"";

        Assert.That(restated, Is.Empty, string.Join('\n', restated));
    }

    [TestCaseSource(typeof(Repository), nameof(Repository.PackableProjects))]
    public void No_tag_is_empty(string package)
    {
        var empty =
            from id in PublicIds(package)
            from element in Documentation(package).GetValueOrDefault(id.Name, [])
            from tag in element.Elements()
            where tag.Name.LocalName is "param" or "typeparam" or "returns" or "exception" or "remarks" or "value"
            where Text(tag).Length == 0 && !tag.Elements("inheritdoc").Any()
            select $"{id.Name}: {tag}";

        Assert.That(empty, Is.Empty);
    }

    private static bool IsTest(Type type, string member) =>
        type.GetMember(member).Any(found => found.IsDefined(typeof(TestAttribute)) || found.IsDefined(typeof(TestCaseAttribute)) || found.IsDefined(typeof(TestCaseSourceAttribute)));

    // The documentation file, by identifier without parameter list: overloads share one entry.
    private static Dictionary<string, XElement[]> Documentation(string package) =>
        XDocument.Load(Path.ChangeExtension(Assembly.Load(package).Location, ".xml"))
            .Descendants("member")
            .GroupBy(member => Parameters().Replace(member.Attribute("name")!.Value, ""))
            .ToDictionary(group => group.Key, group => group.ToArray());

    private static IEnumerable<(string Name, Type Type)> PublicIds(string package)
    {
        const BindingFlags Declared =
            BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        foreach (Type type in Assembly.Load(package).GetExportedTypes())
        {
            string name = Parameters().Replace(type.FullName!.Replace('+', '.'), "");
            yield return ($"T:{name}", type);
            if (type.IsSubclassOf(typeof(Delegate)))
                continue;
            IEnumerable<string?> members = type.GetMembers(Declared).Where(IsWritten).Select(member => member switch
            {
                FieldInfo { IsPublic: true, IsSpecialName: false } or FieldInfo { IsFamily: true } => $"F:{name}.{member.Name}",
                PropertyInfo property when property.GetAccessors(true).Any(IsVisible) => $"P:{name}.{member.Name}",
                EventInfo @event when IsVisible(@event.AddMethod!) => $"E:{name}.{member.Name}",
                MethodInfo { IsSpecialName: false } method when IsVisible(method) => $"M:{name}.{member.Name}",
                MethodInfo method when IsVisible(method) && method.Name.StartsWith("op_", StringComparison.Ordinal) => $"M:{name}.{member.Name}",
                // A constructor without parameters may be the one the compiler adds.
                ConstructorInfo constructor when IsVisible(constructor) && constructor.GetParameters().Length > 0 => $"M:{name}.#ctor",
                _ => null,
            });
            foreach (string id in members.OfType<string>().Distinct())
                yield return (id, type);
        }
    }

    private static bool IsVisible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    // Not what the compiler adds to a record, and not the members of an extension block's marker types.
    private static bool IsWritten(MemberInfo member) =>
        !member.IsDefined(typeof(CompilerGeneratedAttribute)) && !member.Name.Contains('<', StringComparison.Ordinal);

    // The parameters of a primary constructor are documented on the type, and so is that constructor.
    private static bool IsPositional(Dictionary<string, XElement[]> documented, (string Name, Type Type) id) =>
        documented.GetValueOrDefault(Parameters().Replace($"T:{id.Type.FullName!.Replace('+', '.')}", ""), [])
            .Elements("param")
            .Any(param => ShortName(id.Name) == "#ctor" || param.Attribute("name")!.Value == ShortName(id.Name));

    private static string ShortName(string id) => id[(id.LastIndexOf('.') + 1)..];

    private static string Text(XElement element)
    {
        var copy = new XElement(element);
        foreach (XElement reference in copy.DescendantsAndSelf().ToArray())
        {
            string? target = reference.Attribute("cref")?.Value ?? reference.Attribute("langword")?.Value ?? reference.Attribute("name")?.Value;
            if (reference.IsEmpty && target is not null && reference != copy)
                reference.Value = ShortName(target.Contains(':', StringComparison.Ordinal) ? target[2..] : target);
        }
        return copy.Value.Trim();
    }

    private static HashSet<string> Words(string text) =>
        [.. Word().Matches(text).Select(match => match.Value.ToLowerInvariant()).Where(word => !Fillers.Contains(word))];

    // The words of a sentence and those of a name in pascal case.
    [GeneratedRegex(@"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")]
    private static partial Regex Word();

    [GeneratedRegex(@"\(.*$|(?<=[^.])``?\d+")]
    private static partial Regex Parameters();
}
